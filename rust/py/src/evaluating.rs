//! Scripts and functions, as the runtime calls them.

use rubellite_core::dispatch::Engine;
use rubellite_core::dispatch::pipeline::{Invocation, Outcome, Sink};
use rubellite_core::dispatch::spec::CommandTable;
use rubellite_core::reply::Reply;
use rubellite_lua::{Evaluation, Functions, Program, Scripts};

use crate::runtime::PyRuntime;

impl PyRuntime {
    /// The scripts; none of them runs.
    pub fn scripts(&mut self) -> &mut Scripts {
        self.scripts.get_or_insert_default()
    }

    /// Works on the libraries of functions, none of which runs; the engine is told of what
    /// becomes of them.
    pub fn with_functions<T>(
        &mut self,
        engine: &mut Engine,
        work: impl FnOnce(&mut Functions, &mut Engine, &mut Self) -> T,
    ) -> T {
        let mut functions = self.take_functions(engine);
        let result = work(&mut functions, engine, self);
        functions.report(engine);
        self.functions = Some(functions);
        result
    }

    /// The libraries; a panic has lost them, and the engine has their sources.
    fn take_functions(&mut self, engine: &Engine) -> Box<Functions> {
        let there = self.functions.take();
        there.unwrap_or_else(|| Box::new(Functions::reloaded(engine, self)))
    }

    /// Runs the script of EVAL and its like.
    pub fn evaluate(
        &mut self,
        commands: &CommandTable,
        engine: &mut Engine,
        invocation: &Invocation<'_>,
        evaluation: Evaluation,
        sink: &mut dyn Sink,
    ) -> Outcome {
        let result = if evaluation.program == Program::Function {
            let is_read_only = evaluation.is_read_only;
            let mut functions = self.take_functions(engine);
            let called = functions.call(commands, engine, self, invocation, is_read_only, sink);
            self.functions = Some(functions);
            called
        } else {
            // A panic loses them, and the next script finds a new interpreter.
            let mut scripts = self.scripts.take().unwrap_or_default();
            let evaluated = scripts.evaluate(commands, engine, self, invocation, evaluation, sink);
            self.scripts = Some(scripts);
            evaluated
        };
        result.unwrap_or_else(|failure| {
            let line = engine.error_line(&failure);
            let protocol = engine.session(invocation.client).protocol;
            sink.put(&Reply::Error(line), protocol);
            Outcome::Failed
        })
    }
}
