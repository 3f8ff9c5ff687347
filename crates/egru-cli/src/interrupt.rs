//! Requests to stop: the first asks the run to stop at a checkpoint, a second one to end does so at once.

use anyhow::Context as _;

/// Exit status of a program that was interrupted.
pub(crate) const INTERRUPTED: u8 = 130;

/// Calls `stop` at the first request to end (Ctrl-C, or what the system sends to ask for it), and ends the program at the
/// second. On Unix `SIGUSR1` calls `stop` as well, and never ends the program: batch systems send it some time before
/// they do. A signal that was ignored when the program started stays ignored, as `nohup` wants it.
pub(crate) fn on_interrupt(stop: impl Fn() + Send + 'static) -> anyhow::Result<()> {
    listen(stop).context("cannot listen for Ctrl-C")
}

#[cfg(unix)]
fn listen(stop: impl Fn() + Send + 'static) -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};

    let heard = [SIGINT, SIGTERM, SIGHUP, SIGUSR1].into_iter().filter(|&signal| !ignored(signal));
    let mut signals = signal_hook::iterator::Signals::new(heard)?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut asked = false;
        for signal in signals.forever() {
            if asked && signal != SIGUSR1 {
                std::process::exit(i32::from(INTERRUPTED));
            }
            asked |= signal != SIGUSR1;
            stop();
        }
    })?;
    Ok(())
}

/// Whether the program that started this one had `signal` ignored.
#[cfg(unix)]
fn ignored(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action nothing is changed, and the old one is written to memory of its type and size.
    let told = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: told without an error, the action has been written.
    told == 0 && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

#[cfg(not(unix))]
fn listen(stop: impl Fn() + Send + 'static) -> Result<(), ctrlc::Error> {
    let asked = std::sync::atomic::AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if asked.swap(true, std::sync::atomic::Ordering::SeqCst) {
            std::process::exit(i32::from(INTERRUPTED));
        }
        stop();
    })
}
