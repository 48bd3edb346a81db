//! Every error that the engine itself can answer, by name.
//!
//! The texts are not here: `rubellite/errors.py` is the one table of texts, and
//! hands it over at start-up. A code without a text answers with its name.

use std::fmt;

macro_rules! error_codes {
    ($($variant:ident = $name:literal,)*) => {
        /// An error of the engine; `NAME` is its name in `errors.py`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(usize)]
        pub enum ErrorCode { $($variant,)* }

        impl ErrorCode {
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant,)*];

            pub fn name(self) -> &'static str {
                match self { $(ErrorCode::$variant => $name,)* }
            }
        }
    };
}

error_codes! {
    Syntax = "SYNTAX",
    WrongType = "WRONG_TYPE",
    NotInteger = "NOT_INTEGER",
    DecrementOverflow = "DECREMENT_OVERFLOW",
    NotFloat = "NOT_FLOAT",
    WrongArity = "WRONG_ARITY",
    UnknownCommand = "UNKNOWN_COMMAND",
    UnknownSubcommand = "UNKNOWN_SUBCOMMAND",
    AuthRequired = "AUTH_REQUIRED",
    ProtectedMode = "PROTECTED_MODE",
    MaxClients = "MAX_CLIENTS",
    InvalidCursor = "INVALID_CURSOR",
    NoSuchKey = "NO_SUCH_KEY",
    IncrementOverflow = "INCREMENT_OVERFLOW",
    IncrementNanOrInfinity = "INCREMENT_NAN_OR_INFINITY",
    StringTooLong = "STRING_TOO_LONG",
    OffsetOutOfRange = "OFFSET_OUT_OF_RANGE",
    BitOffset = "BIT_OFFSET",
    BitfieldType = "BITFIELD_TYPE",
    BitfieldOverflow = "BITFIELD_OVERFLOW",
    NotHyperLogLog = "NOT_HYPERLOGLOG",
    CorruptHyperLogLog = "CORRUPT_HYPERLOGLOG",
    BitfieldReadOnly = "BITFIELD_READ_ONLY",
    NestedMulti = "NESTED_MULTI",
    ExecWithoutMulti = "EXEC_WITHOUT_MULTI",
    DiscardWithoutMulti = "DISCARD_WITHOUT_MULTI",
    WatchInsideMulti = "WATCH_INSIDE_MULTI",
    ExecAborted = "EXEC_ABORTED",
    NotAllowedInMulti = "NOT_ALLOWED_IN_MULTI",
    OutOfMemory = "OUT_OF_MEMORY",
    Busy = "BUSY",
    BusyCommand = "BUSY_COMMAND",
    CommandKilled = "COMMAND_KILLED",
    Interrupted = "INTERRUPTED",
    NeedsConnection = "NEEDS_CONNECTION",
    Loading = "LOADING",
    SavingFails = "SAVING_FAILS",
    WrongDump = "WRONG_DUMP",
    BadDump = "BAD_DUMP",
    UnsupportedDump = "UNSUPPORTED_DUMP",
    DatabaseOutOfRange = "DATABASE_OUT_OF_RANGE",
    OutOfInt32 = "OUT_OF_INT32",
    NumkeysNotPositive = "NUMKEYS_NOT_POSITIVE",
    InvalidNumkeys = "INVALID_NUMKEYS",
    TooManyKeys = "TOO_MANY_KEYS",
    InternalError = "INTERNAL_ERROR",
    CommandFailed = "COMMAND_FAILED",
    ExecuteRefused = "EXECUTE_REFUSED",
    ExecuteReadOnly = "EXECUTE_READ_ONLY",
    ExecuteTooDeep = "EXECUTE_TOO_DEEP",
    WritesStopped = "WRITES_STOPPED",
    MonitorKeyspace = "MONITOR_KEYSPACE",
    NotAllowedWhenSubscribed = "NOT_ALLOWED_WHEN_SUBSCRIBED",
    SourceAndDestinationSame = "SOURCE_AND_DESTINATION_SAME",
    InvalidFirstDatabase = "INVALID_FIRST_DATABASE",
    InvalidSecondDatabase = "INVALID_SECOND_DATABASE",
    ValueOutOfRange = "VALUE_OUT_OF_RANGE",
    ValueOutOfRangePositive = "VALUE_OUT_OF_RANGE_POSITIVE",
    TimeoutNotFloat = "TIMEOUT_NOT_FLOAT",
    TimeoutNegative = "TIMEOUT_NEGATIVE",
    TimeoutOutOfRange = "TIMEOUT_OUT_OF_RANGE",
    HashValueNotInteger = "HASH_VALUE_NOT_INTEGER",
    HashValueNotFloat = "HASH_VALUE_NOT_FLOAT",
    IncrementNotFinite = "INCREMENT_NOT_FINITE",
    AofFailed = "AOF_FAILED",
    PauseNotInteger = "PAUSE_NOT_INTEGER",
    Unblocked = "UNBLOCKED",
    ScoreNotANumber = "SCORE_NOT_A_NUMBER",
    ScoreBound = "SCORE_BOUND",
    MemberBound = "MEMBER_BOUND",
    InvalidPlace = "INVALID_PLACE",
    ScoresNotFloat = "SCORES_NOT_FLOAT",
    StreamIdTooSmall = "STREAM_ID_TOO_SMALL",
    StreamExhausted = "STREAM_EXHAUSTED",
    StreamEntryTooLarge = "STREAM_ENTRY_TOO_LARGE",
    ScriptUnknown = "SCRIPT_UNKNOWN",
    ScriptArity = "SCRIPT_ARITY",
    ScriptRefused = "SCRIPT_REFUSED",
    ScriptReads = "SCRIPT_READS",
    ScriptKilled = "SCRIPT_KILLED",
    ScriptMayWriteRo = "SCRIPT_MAY_WRITE_RO",
    ScriptBroken = "SCRIPT_BROKEN",
    ScriptEngine = "SCRIPT_ENGINE",
    ShebangInvalid = "SHEBANG_INVALID",
    ShebangOption = "SHEBANG_OPTION",
    ShebangFlag = "SHEBANG_FLAG",
    NotBusy = "NOT_BUSY",
    Unkillable = "UNKILLABLE",
    NoScript = "NO_SCRIPT",
    KeysNegative = "KEYS_NEGATIVE",
    FunctionMissing = "FUNCTION_MISSING",
    FunctionKeys = "FUNCTION_KEYS",
    FunctionName = "FUNCTION_NAME",
    FunctionTwice = "FUNCTION_TWICE",
    FunctionExists = "FUNCTION_EXISTS",
    LibraryMetadataMissing = "LIBRARY_METADATA_MISSING",
    LibraryMetadataInvalid = "LIBRARY_METADATA_INVALID",
    LibraryMetadataValue = "LIBRARY_METADATA_VALUE",
    LibraryNameMissing = "LIBRARY_NAME_MISSING",
    LibraryNameTwice = "LIBRARY_NAME_TWICE",
    LibraryName = "LIBRARY_NAME",
    LibraryEngine = "LIBRARY_ENGINE",
    LibraryExists = "LIBRARY_EXISTS",
    LibraryRestored = "LIBRARY_RESTORED",
    LibraryBroken = "LIBRARY_BROKEN",
    LibraryFailed = "LIBRARY_FAILED",
    LibraryEmpty = "LIBRARY_EMPTY",
    LibraryPayload = "LIBRARY_PAYLOAD",
    LibraryPayloadType = "LIBRARY_PAYLOAD_TYPE",
    LibraryPreview = "LIBRARY_PREVIEW",
}

/// Why a command did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    Code(ErrorCode),
    /// A code whose text has one `{}` to fill.
    With(ErrorCode, String),
    /// The same with bytes that may be no text.
    Quoting(ErrorCode, Vec<u8>),
    /// The whole line without the leading `-`.
    Text(Vec<u8>),
}

impl Failure {
    pub fn quoting(code: ErrorCode, detail: &[u8]) -> Failure {
        Failure::Quoting(code, detail.to_vec())
    }
}

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        Failure::Code(code)
    }
}

/// The texts of all codes, as handed over by `errors.py`.
#[derive(Debug, Clone)]
pub struct ErrorTexts(Vec<String>);

impl Default for ErrorTexts {
    fn default() -> Self {
        Self(
            ErrorCode::ALL
                .iter()
                .map(|code| format!("ERR {}", code.name()))
                .collect(),
        )
    }
}

impl ErrorTexts {
    /// Takes the text of each code from `lookup`; names those that it lacks.
    pub fn new(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<&'static str>> {
        let mut missing = Vec::new();
        let texts = ErrorCode::ALL
            .iter()
            .map(|code| {
                lookup(code.name()).unwrap_or_else(|| {
                    missing.push(code.name());
                    String::new()
                })
            })
            .collect();
        if missing.is_empty() {
            Ok(Self(texts))
        } else {
            Err(missing)
        }
    }

    pub fn text(&self, code: ErrorCode) -> &str {
        &self.0[code as usize]
    }

    /// The line that a client sees, without the leading `-`.
    pub fn line(&self, failure: &Failure) -> Vec<u8> {
        match failure {
            Failure::Code(code) => self.text(*code).as_bytes().to_vec(),
            Failure::With(code, detail) => self.text(*code).replacen("{}", detail, 1).into_bytes(),
            Failure::Quoting(code, detail) => {
                let text = self.text(*code);
                let (before, after) = text.split_once("{}").unwrap_or((text, ""));
                [before.as_bytes(), detail, after.as_bytes()].concat()
            }
            Failure::Text(text) => text.clone(),
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
