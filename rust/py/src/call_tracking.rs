//! `Call`'s methods for client-side caching.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rubellite_core::dispatch::session::Session;
use rubellite_core::dispatch::tracking::{Mode, Tracking};

use crate::call::Call;

/// What Python calls the modes.
const MODES: [(&str, Mode); 4] = [
    ("all", Mode::All),
    ("optin", Mode::OptIn),
    ("optout", Mode::OptOut),
    ("bcast", Mode::Broadcast),
];

/// How a session is tracked, as part of its facts; the mode is None where it is not.
pub fn set_tracking_facts(facts: &Bound<'_, PyDict>, session: &Session) -> PyResult<()> {
    let tracking = session.tracking.as_ref();
    let mode = tracking.and_then(|tracking| MODES.iter().find(|(_, mode)| *mode == tracking.mode));
    facts.set_item("tracking_mode", mode.map(|(name, _)| name))?;
    let is = |fact: fn(&Tracking) -> bool| tracking.is_some_and(|tracking| fact(tracking));
    facts.set_item("tracking_skips_own", is(|it| it.skips_own))?;
    facts.set_item("is_tracking_exception", is(|it| it.is_exception))?;
    facts.set_item("is_redirect_broken", is(|it| it.is_redirect_broken))?;
    // As Redis counts: -1 without tracking, 0 without redirection.
    let redirect = tracking.map_or(-1, |it| it.redirect.map_or(0, |client| client as i64));
    facts.set_item("tracking_redirect", redirect)?;
    let prefixes = tracking.map(|tracking| tracking.prefixes.iter());
    let prefixes: Vec<_> = prefixes
        .into_iter()
        .flatten()
        .map(|prefix| PyBytes::new(facts.py(), prefix))
        .collect();
    facts.set_item("tracking_prefixes", prefixes)
}

#[pymethods]
impl Call {
    /// Tracks the asking client's reads (`mode` "all", "optin", "optout"), or changes of
    /// keys that begin with `prefixes` ("bcast").
    fn track(
        &self,
        mode: &str,
        skips_own: bool,
        redirect: Option<u64>,
        prefixes: Vec<Vec<u8>>,
    ) -> PyResult<()> {
        let Some((_, mode)) = MODES.iter().find(|(name, _)| *name == mode) else {
            return Err(PyValueError::new_err("no such mode of tracking"));
        };
        let tracking = Tracking {
            mode: *mode,
            skips_own,
            redirect,
            prefixes: prefixes.into_iter().map(Vec::into_boxed_slice).collect(),
            ..Tracking::default()
        };
        self.with(|context| context.engine.track(tracking))
    }

    /// Ends the tracking of the asking client.
    fn stop_tracking(&self) -> PyResult<()> {
        self.with(|context| {
            let client = context.engine.run.client;
            context.engine.stop_tracking(client);
        })
    }
}
