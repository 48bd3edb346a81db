//! `Call`: libraries of functions, as the commands about them see them.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use rubellite_core::dispatch::{Engine, Failure};
use rubellite_core::rdb::Format;
use rubellite_core::rdb::libraries;
use rubellite_lua::Functions;
use rubellite_lua::functions::Policy;

use crate::border;
use crate::call::Call;
use crate::runtime::PyRuntime;

/// A function: name, description or None, names of its flags.
type Function<'py> = (
    Bound<'py, PyBytes>,
    Option<Bound<'py, PyBytes>>,
    Vec<&'static str>,
);

impl Call {
    /// Changes the libraries; what succeeds is an edit, which enters the journal.
    fn edit_functions<T>(
        &self,
        py: Python<'_>,
        edit: impl FnOnce(&mut Functions, &mut Engine, &mut PyRuntime) -> Result<T, Failure>,
    ) -> PyResult<T> {
        let done = self.with(|context| {
            let engine = &mut *context.engine;
            let done = context.runtime.with_functions(engine, edit);
            if done.is_ok() {
                engine.run.edits += 1;
            }
            done
        })?;
        done.map_err(|failure| border::to_error(py, failure))
    }
}

#[pymethods]
impl Call {
    /// FUNCTION LOAD: the library's name.
    fn load_library<'py>(
        &self,
        py: Python<'py>,
        source: &[u8],
        replaces: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let name = self.edit_functions(py, |functions, engine, runtime| {
            functions.load(engine, runtime, source, replaces)
        })?;
        Ok(PyBytes::new(py, &name))
    }

    /// FUNCTION DELETE; False: there is no such library.
    fn delete_library(&self, name: &[u8]) -> PyResult<bool> {
        self.with(|context| {
            let engine = &mut *context.engine;
            let runtime = &mut *context.runtime;
            let was_there =
                runtime.with_functions(engine, |functions, _, _| functions.delete(name));
            engine.run.edits += u64::from(was_there);
            was_there
        })
    }

    /// FUNCTION FLUSH.
    fn flush_libraries(&self, py: Python<'_>) -> PyResult<()> {
        self.edit_functions(py, |functions, engine, _| {
            functions.flush(engine);
            Ok(())
        })
    }

    /// FUNCTION DUMP.
    fn dump_libraries<'py>(
        &self,
        py: Python<'py>,
        format: &str,
        compresses: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let format = Format::named(format)
            .ok_or_else(|| PyValueError::new_err(format!("no such format: {format}")))?;
        let dumped =
            self.with(|context| libraries::dump(&context.engine.libraries, format, compresses))?;
        Ok(PyBytes::new(py, &dumped))
    }

    /// FUNCTION RESTORE; `policy` is "append", "replace" or "flush".
    fn restore_libraries(&self, py: Python<'_>, payload: &[u8], policy: &str) -> PyResult<()> {
        let policy = match policy {
            "append" => Policy::Append,
            "replace" => Policy::Replace,
            "flush" => Policy::Flush,
            _ => return Err(PyValueError::new_err(format!("no such policy: {policy}"))),
        };
        self.edit_functions(py, |functions, engine, runtime| {
            functions.restore(engine, runtime, payload, policy)
        })
    }

    /// All libraries: (name, source, functions), a function being (name, description or
    /// None, names of its flags).
    fn libraries<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        self.with(|context| {
            let engine = &mut *context.engine;
            context.runtime.with_functions(engine, |functions, _, _| {
                for library in functions.libraries() {
                    let functions = library.functions.iter();
                    let functions: Vec<Function<'py>> = functions
                        .map(|one| {
                            let description = one.description.as_ref();
                            (
                                PyBytes::new(py, &one.name),
                                description.map(|text| PyBytes::new(py, text)),
                                one.flags.names(),
                            )
                        })
                        .collect();
                    let name = PyBytes::new(py, &library.name);
                    list.append((name, PyBytes::new(py, &library.source), functions))?;
                }
                Ok::<(), PyErr>(())
            })
        })??;
        Ok(list)
    }
}
