//! The command table: Python's tuples (see `rubellite/spec/parameters.py`) as the core's types.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use rubellite_core::dispatch::error::ErrorCode;
use rubellite_core::dispatch::native;
use rubellite_core::dispatch::spec::{
    Alternative, CommandSpec, Element, KeyPositions, OptionGroup, OptionShape, ValueKind,
};

/// A command's words in the order of their `TokenId`s.
pub type Tokens = Vec<String>;

fn error_code(name: &str) -> PyResult<ErrorCode> {
    let code = ErrorCode::ALL.iter().find(|code| code.name() == name);
    code.copied()
        .ok_or_else(|| PyValueError::new_err(format!("the core knows no error {name}")))
}

fn value_kind(kind: &Bound<'_, PyTuple>) -> PyResult<ValueKind> {
    let name: String = kind.get_item(0)?.extract()?;
    match name.as_str() {
        "bytes" => Ok(ValueKind::Bytes),
        "integer" => Ok(ValueKind::Integer {
            min: kind.get_item(1)?.extract()?,
            max: kind.get_item(2)?.extract()?,
            error: error_code(&kind.get_item(3)?.extract::<String>()?)?,
        }),
        "float" => Ok(ValueKind::Float {
            error: error_code(&kind.get_item(1)?.extract::<String>()?)?,
        }),
        "cursor" => Ok(ValueKind::Cursor),
        "payload" => Ok(ValueKind::Payload),
        _ => Err(PyValueError::new_err(format!(
            "no such kind of value: {name}"
        ))),
    }
}

fn token(tokens: &mut Tokens, word: &str) -> u16 {
    let index = tokens
        .iter()
        .position(|token| token == word)
        .unwrap_or_else(|| {
            tokens.push(word.to_owned());
            tokens.len() - 1
        });
    index as u16
}

/// An alternative's word and the kinds of its values.
type RawAlternative<'py> = (String, Vec<Bound<'py, PyTuple>>);

fn option_group(group: &Bound<'_, PyTuple>, tokens: &mut Tokens) -> PyResult<OptionGroup> {
    let (shape, alternatives): (String, Vec<RawAlternative<'_>>) = group.extract()?;
    let shape = match shape.as_str() {
        "flag" => OptionShape::Flag,
        "value" => OptionShape::Value,
        _ => OptionShape::Tagged,
    };
    let alternatives = alternatives
        .into_iter()
        .map(|(word, kinds)| {
            let values = kinds.iter().map(value_kind).collect::<PyResult<_>>()?;
            Ok(Alternative {
                token: token(tokens, &word),
                word,
                values,
            })
        })
        .collect::<PyResult<_>>()?;
    Ok(OptionGroup {
        alternatives,
        shape,
    })
}

fn element(element: &Bound<'_, PyTuple>, tokens: &mut Tokens) -> PyResult<Element> {
    let name: String = element.get_item(0)?.extract()?;
    match name.as_str() {
        "value" => Ok(Element::Value(value_kind(element.get_item(1)?.cast()?)?)),
        "optional" => Ok(Element::OptionalValue(value_kind(
            element.get_item(1)?.cast()?,
        )?)),
        "choice" => {
            let words: Vec<String> = element.get_item(1)?.extract()?;
            let alternatives = words.into_iter().map(|word| Alternative {
                token: token(tokens, &word),
                word,
                values: Vec::new(),
            });
            Ok(Element::Choice(alternatives.collect()))
        }
        "rest" => Ok(Element::Rest {
            stride: element.get_item(1)?.extract()?,
            min: element.get_item(2)?.extract()?,
        }),
        "counted" => Ok(Element::Counted {
            stride: element.get_item(1)?.extract()?,
            error: error_code(&element.get_item(2)?.extract::<String>()?)?,
        }),
        "options" => {
            let groups = element.get_item(1)?;
            let groups = groups.cast::<PyList>()?.iter();
            let groups = groups
                .map(|group| option_group(group.cast()?, tokens))
                .collect::<PyResult<_>>()?;
            Ok(Element::Options(groups))
        }
        _ => Err(PyValueError::new_err(format!("no such element: {name}"))),
    }
}

fn key_positions(key: &Bound<'_, PyTuple>) -> PyResult<KeyPositions> {
    let name: String = key.get_item(0)?.extract()?;
    match name.as_str() {
        "range" => Ok(KeyPositions::Range {
            first: key.get_item(1)?.extract()?,
            last: key.get_item(2)?.extract()?,
            step: key.get_item(3)?.extract()?,
        }),
        "counted" => Ok(KeyPositions::Counted {
            count: key.get_item(1)?.extract()?,
            first: key.get_item(2)?.extract()?,
            step: key.get_item(3)?.extract()?,
        }),
        // The table lives as long as the process.
        "keyword" => Ok(KeyPositions::Keyword {
            token: Box::leak(key.get_item(1)?.extract::<String>()?.into_boxed_str()),
            from: key.get_item(2)?.extract()?,
            share: key.get_item(3)?.extract()?,
        }),
        "option" => Ok(KeyPositions::Option {
            token: Box::leak(key.get_item(1)?.extract::<String>()?.into_boxed_str()),
            from: key.get_item(2)?.extract()?,
        }),
        _ => Err(PyValueError::new_err(format!("no such key rule: {name}"))),
    }
}

/// One command from the dict that `rubellite.spec.table` makes of it.
pub fn command_spec(entry: &Bound<'_, PyDict>) -> PyResult<(CommandSpec, Tokens)> {
    let item = |name: &str| -> PyResult<Bound<'_, PyAny>> {
        entry
            .get_item(name)?
            .ok_or_else(|| PyValueError::new_err(format!("no {name:?}")))
    };
    let mut tokens = Tokens::new();
    let elements = item("elements")?;
    let elements = elements
        .cast::<PyList>()?
        .iter()
        .map(|part| element(part.cast()?, &mut tokens))
        .collect::<PyResult<_>>()?;
    let keys = item("keys")?;
    let keys = keys
        .cast::<PyList>()?
        .iter()
        .map(|key| key_positions(key.cast()?))
        .collect::<PyResult<_>>()?;
    let name: String = item("name")?.extract()?;
    let is_native: bool = item("native")?.extract()?;
    let native = native::find(&name);
    if is_native != native.is_some() {
        return Err(PyValueError::new_err(format!(
            "{name}: native here or there, not both"
        )));
    }
    let spec = CommandSpec {
        native,
        name,
        flags: item("flags")?.extract()?,
        arity: item("arity")?.extract()?,
        words: item("words")?.extract()?,
        elements,
        keys,
        subcommands: Default::default(),
    };
    Ok((spec, tokens))
}
