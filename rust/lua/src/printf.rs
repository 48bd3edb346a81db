//! Numbers as C prints them.

unsafe extern "C" {
    fn snprintf(
        into: *mut std::ffi::c_char,
        size: usize,
        format: *const std::ffi::c_char,
        ...
    ) -> std::ffi::c_int;
}

/// `%.*g`: so many significant digits.
pub fn general(number: f64, precision: i32, into: &mut Vec<u8>) {
    let mut buffer = [0u8; 64];
    // SAFETY: the buffer is as long as it says; the arguments are those of the format.
    let length = unsafe {
        snprintf(
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            c"%.*g".as_ptr(),
            precision,
            number,
        )
    };
    let length = usize::try_from(length).unwrap_or(0).min(buffer.len() - 1);
    into.extend_from_slice(&buffer[..length]);
}

unsafe extern "C" {
    fn clock() -> std::ffi::c_long;
}

/// Processor time of this process, as C's clock tells it: in millionths.
pub fn processor_seconds() -> f64 {
    // SAFETY: it takes nothing and touches nothing.
    unsafe { clock() as f64 / 1_000_000.0 }
}
