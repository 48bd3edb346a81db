//! Executes a command's notation: from the arguments of a request to typed values.
//!
//! Two passes, as Redis has them: first the words of the options are matched
//! (a word out of place is a syntax error), then values are converted in order
//! of appearance. A spec with the EAGER flag converts while it matches.

use std::sync::Arc;

use smallvec::SmallVec;

use super::error::{ErrorCode, Failure};
use super::spec::{CommandSpec, Element, OptionShape, TokenId, ValueKind, flag};
use crate::service::Request;
use crate::text::{double, integer};

/// A value for one handler parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Argument<'r> {
    /// None in Python.
    Absent,
    Value(Scalar<'r>),
    Flag(bool),
    /// An option's word.
    Word(TokenId),
    /// An option's word and its values.
    Tagged(TokenId, Scalars<'r>),
    /// Arguments `first..first + count`, in groups of `stride`.
    Rest {
        first: usize,
        count: usize,
        stride: usize,
    },
}

/// The values behind an option's word: one or two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scalars<'r> {
    first: Scalar<'r>,
    second: Option<Scalar<'r>>,
}

impl<'r> Scalars<'r> {
    pub fn iter(&self) -> impl Iterator<Item = Scalar<'r>> {
        std::iter::once(self.first).chain(self.second)
    }
}

/// A single typed value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'r> {
    Bytes(&'r [u8]),
    /// Bytes that may be big.
    Payload(&'r [u8]),
    /// Big bytes that may be kept without a copy.
    Shared(&'r Arc<Vec<u8>>),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
}

/// The values of one call; eight fit without an allocation.
pub type Arguments<'r> = SmallVec<[Argument<'r>; 8]>;

#[inline]
fn convert<'r>(kind: ValueKind, request: Request<'r>, at: usize) -> Result<Scalar<'r>, ErrorCode> {
    let raw = request.get(at);
    match kind {
        ValueKind::Bytes => Ok(Scalar::Bytes(raw)),
        ValueKind::Payload => Ok(match request.body(at) {
            Some(body) => Scalar::Shared(body),
            None => Scalar::Payload(raw),
        }),
        ValueKind::Integer { min, max, error } => match integer::parse(raw) {
            Some(number) if number >= min && number <= max => Ok(Scalar::Integer(number)),
            _ => Err(error),
        },
        ValueKind::Float { error } => double::parse(raw).map(Scalar::Float).ok_or(error),
        ValueKind::Cursor => integer::parse_cursor(raw)
            .map(Scalar::Unsigned)
            .ok_or(ErrorCode::InvalidCursor),
    }
}

/// Reads `request` after `spec`'s notation, into `values`, which is empty.
///
/// The request's argument count was checked against the arity already.
// Not as a result: moving it costs more than all else here.
#[inline]
pub fn parse<'r>(
    spec: &CommandSpec,
    request: Request<'r>,
    values: &mut Arguments<'r>,
) -> Result<(), Failure> {
    let count = request.len();
    let mut at = spec.words;
    if has_too_many(spec, count) {
        return Err(arity_failure(spec));
    }
    for element in &spec.elements {
        match element {
            Element::Value(kind) => {
                if at >= count {
                    return Err(ErrorCode::Syntax.into());
                }
                values.push(Argument::Value(convert(*kind, request, at)?));
                at += 1;
            }
            Element::OptionalValue(kind) => {
                if at < count {
                    values.push(Argument::Value(convert(*kind, request, at)?));
                    at += 1;
                } else {
                    values.push(Argument::Absent);
                }
            }
            Element::Choice(alternatives) => {
                let found = (at < count)
                    .then(|| request.get(at))
                    .and_then(|word| {
                        alternatives
                            .iter()
                            .find(|a| word.eq_ignore_ascii_case(a.word.as_bytes()))
                    })
                    .ok_or(ErrorCode::Syntax)?;
                values.push(Argument::Word(found.token));
                at += 1;
            }
            Element::Rest { stride, min } => {
                let left = count - at;
                if left < min * stride || left % stride != 0 {
                    return Err(arity_failure(spec));
                }
                values.push(Argument::Rest {
                    first: at,
                    count: left,
                    stride: *stride,
                });
                at = count;
            }
            Element::Counted { stride, error } => {
                if at >= count {
                    return Err(ErrorCode::Syntax.into());
                }
                // Who says so of a wrong count (MSETEX) reads a C int.
                let is_int = *error == ErrorCode::InvalidNumkeys;
                let most = if is_int { i32::MAX.into() } else { i64::MAX };
                let number = integer::parse(request.get(at))
                    .filter(|n| *n > 0 && *n <= most)
                    .ok_or(*error)?;
                at += 1;
                let total = usize::try_from(number)
                    .ok()
                    .and_then(|n| n.checked_mul(*stride));
                let total = total
                    .filter(|total| *total <= count - at)
                    .ok_or(ErrorCode::Syntax)?;
                values.push(Argument::Rest {
                    first: at,
                    count: total,
                    stride: *stride,
                });
                at += total;
            }
            Element::Options(groups) => {
                options(spec, groups, request, at, values)?;
                at = count;
            }
        }
    }
    if at < count {
        // Where options are possible, one too many is one that is unknown.
        let has_options = spec
            .elements
            .iter()
            .any(|e| matches!(e, Element::Options(_)));
        return Err(if has_options {
            ErrorCode::Syntax.into()
        } else {
            arity_failure(spec)
        });
    }
    Ok(())
}

/// True for more arguments than a notation without options and repetition has: that is
/// said before any of them is read.
#[inline]
fn has_too_many(spec: &CommandSpec, count: usize) -> bool {
    count > spec.words + spec.elements.len()
        && (spec.elements.iter())
            .all(|element| matches!(element, Element::Value(_) | Element::OptionalValue(_)))
}

fn arity_failure(spec: &CommandSpec) -> Failure {
    Failure::With(ErrorCode::WrongArity, spec.name.clone())
}

fn options<'r>(
    spec: &CommandSpec,
    groups: &[super::spec::OptionGroup],
    request: Request<'r>,
    mut at: usize,
    values: &mut Arguments<'r>,
) -> Result<(), Failure> {
    let count = request.len();
    let base = values.len();
    for group in groups {
        values.push(match group.shape {
            OptionShape::Flag => Argument::Flag(false),
            _ => Argument::Absent,
        });
    }
    if at == count {
        return Ok(());
    }
    // For each group: which alternative was given, and where its values begin.
    let mut chosen: SmallVec<[Option<(usize, usize)>; 8]> = SmallVec::from_elem(None, groups.len());
    let mut order: SmallVec<[usize; 8]> = SmallVec::new();
    while at < count {
        let word = request.get(at);
        let found = groups.iter().enumerate().find_map(|(g, group)| {
            let position = group.alternatives.iter().position(|alternative| {
                word.eq_ignore_ascii_case(alternative.word.as_bytes())
                    && at + alternative.values.len() < count
            })?;
            Some((g, position))
        });
        let (group, alternative) = found.ok_or(ErrorCode::Syntax)?;
        // The same word again replaces the first; another of its group contradicts it.
        let kinds = &groups[group].alternatives[alternative].values;
        // A time may be given again, what to compare with (IFEQ) may not.
        let is_comparison =
            groups[group].shape == OptionShape::Tagged && kinds.as_slice() == [ValueKind::Bytes];
        match chosen[group] {
            Some((earlier, _)) if earlier != alternative || is_comparison => {
                return Err(ErrorCode::Syntax.into());
            }
            Some(_) => {}
            None => order.push(group),
        }
        chosen[group] = Some((alternative, at + 1));
        if spec.has(flag::EAGER) {
            for (offset, kind) in kinds.iter().enumerate() {
                convert(*kind, request, at + 1 + offset)?;
            }
        }
        at += 1 + kinds.len();
    }
    for group in order {
        let Some((alternative, start)) = chosen[group] else {
            continue;
        };
        let alternative = &groups[group].alternatives[alternative];
        let value = |offset: usize| convert(alternative.values[offset], request, start + offset);
        values[base + group] = match groups[group].shape {
            OptionShape::Flag => Argument::Flag(true),
            OptionShape::Value => Argument::Value(value(0)?),
            OptionShape::Tagged if alternative.values.is_empty() => {
                Argument::Word(alternative.token)
            }
            OptionShape::Tagged => {
                let second = (alternative.values.len() > 1)
                    .then(|| value(1))
                    .transpose()?;
                Argument::Tagged(
                    alternative.token,
                    Scalars {
                        first: value(0)?,
                        second,
                    },
                )
            }
        };
    }
    Ok(())
}
