//! A loaded PKCS#11 module and its sessions.
//!
//! A module is one for the whole process: loaded once, initialised once, and every token's login is the process's, not a
//! session's. So modules are kept in a table, and sessions are lent from a small pool for each token, which bounds how many
//! threads wait for a slow token. When a token was away, its sessions and handles are void, and many modules see tokens only
//! while they initialise: then all sessions are closed and the library is initialised again, by one thread, while no session
//! is lent. No handle outlives that: each belongs to an epoch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::RawAuthPin;

use super::error::TokenError;
use super::login::{Login, Pin};

/// The most sessions of one token: so many threads of this process wait for it at once.
pub(super) const SESSIONS: usize = 4;
/// How long a thread waits for a session, or for all others to give theirs back.
const PATIENCE: Duration = Duration::from_secs(20);
/// The library is not initialised again sooner than this after the last time, since that ends everybody's sessions.
const BETWEEN_RESETS: Duration = Duration::from_millis(500);

static MODULES: Mutex<BTreeMap<PathBuf, Arc<Module>>> = Mutex::new(BTreeMap::new());

/// Which token; never a slot's number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) token: String,
    pub(super) serial: Option<String>,
    pub(super) manufacturer: Option<String>,
    pub(super) model: Option<String>,
}

impl Place {
    fn is(&self, info: &TokenInfo) -> bool {
        let fits =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|w| w.trim_end() == found.trim_end());
        info.label().trim_end() == self.token.trim_end()
            && fits(&self.serial, info.serial_number())
            && fits(&self.manufacturer, info.manufacturer_id())
            && fits(&self.model, info.model())
    }
}

/// A loaded module.
pub(super) struct Module {
    path: PathBuf,
    context: Pkcs11,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    ready: bool,
    epoch: u64,
    reset: Option<Instant>,
    tokens: BTreeMap<Place, Opened>,
}

struct Opened {
    slot: Slot,
    idle: Vec<Session>,
    lent: usize,
}

/// A session, lent until this is dropped.
pub(super) struct Lent {
    module: Arc<Module>,
    place: Place,
    session: Option<Session>,
    /// Handles of objects are good in this epoch only.
    pub(super) epoch: u64,
    /// The slot in which the token was found.
    pub(super) slot: Slot,
}

impl Module {
    /// The module at `path`, loaded if it is not yet. Errors: it is not there, or is none.
    pub(super) fn load(path: &Path) -> Result<Arc<Self>, TokenError> {
        let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = modules.get(path) {
            return Ok(Arc::clone(module));
        }
        if !path.exists() {
            return Err(TokenError::ModuleNotFound { path: path.to_owned() });
        }
        let unusable = |e: Error| TokenError::Module { path: path.to_owned(), reason: e.to_string() };
        let context = Pkcs11::new(path).map_err(unusable)?;
        let (state, returned) = (Mutex::default(), Condvar::new());
        let module = Arc::new(Self { path: path.to_owned(), context, state, returned });
        modules.insert(path.to_owned(), Arc::clone(&module));
        Ok(module)
    }

    /// Its functions. They are used with a session that was lent, or its slot.
    pub(super) fn context(&self) -> &Pkcs11 {
        &self.context
    }

    /// The epoch of the handles that are good now.
    pub(super) fn epoch(&self) -> u64 {
        self.lock().epoch
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked had a session lent, which its drop gave back: the state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lends a session that is logged in. Waits while all are in use. Errors: the token is not there, does not take the PIN,
    /// or stays busy.
    pub(super) fn lend(self: &Arc<Self>, place: &Place, login: &Login) -> Result<Lent, TokenError> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.lock();
        loop {
            self.make_ready(&mut state)?;
            let epoch = state.epoch;
            let opened = match state.tokens.get_mut(place) {
                Some(opened) => opened,
                None => {
                    let slot = self.find(place)?;
                    state.tokens.entry(place.clone()).or_insert(Opened { slot, idle: Vec::new(), lent: 0 })
                }
            };
            if opened.lent < SESSIONS {
                let session = match opened.idle.pop() {
                    Some(session) => session,
                    None => self.open(opened.slot, false, login)?,
                };
                opened.lent += 1;
                let (place, slot) = (place.clone(), opened.slot);
                return Ok(Lent { module: Arc::clone(self), place, session: Some(session), epoch, slot });
            }
            state = self.wait(state, deadline, &place.token)?;
        }
    }

    /// A session beside the pool that may write, in the slot of a lent one.
    pub(super) fn open_to_write(&self, lent: &Lent, login: &Login) -> Result<Session, TokenError> {
        self.open(lent.slot, true, login)
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        deadline: Instant,
        token: &str,
    ) -> Result<MutexGuard<'a, State>, TokenError> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(TokenError::Busy { token: token.to_owned(), most: SESSIONS, seconds: PATIENCE.as_secs() });
        }
        let (state, _) = self.returned.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        Ok(state)
    }

    fn make_ready(&self, state: &mut State) -> Result<(), TokenError> {
        if state.ready {
            return Ok(());
        }
        match self.context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // Somebody else in this process may have been first.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {
                state.ready = true;
                Ok(())
            }
            Err(error) => Err(TokenError::Module { path: self.path.clone(), reason: error.to_string() }),
        }
    }

    fn find(&self, place: &Place) -> Result<Slot, TokenError> {
        let failed = |e: Error| TokenError::Module { path: self.path.clone(), reason: e.to_string() };
        let (mut found, mut present) = (Vec::new(), Vec::new());
        for slot in self.context.get_slots_with_token().map_err(failed)? {
            // A token that is just being pulled out is as good as away.
            let Ok(info) = self.context.get_token_info(slot) else { continue };
            if info.token_initialized() {
                present.push(info.label().trim_end().to_owned());
                if place.is(&info) {
                    found.push(slot);
                }
            }
        }
        match found[..] {
            [slot] => Ok(slot),
            [] => {
                let (token, module) = (place.token.clone(), self.path.clone());
                Err(TokenError::TokenMissing { token, module, present })
            }
            _ => Err(TokenError::TokenAmbiguous { token: place.token.clone(), count: found.len() }),
        }
    }

    fn open(&self, slot: Slot, write: bool, login: &Login) -> Result<Session, TokenError> {
        let failed = |verb, e: &Error| login.failed(verb, e);
        let open = if write { Pkcs11::open_rw_session } else { Pkcs11::open_ro_session };
        let session = open(&self.context, slot).map_err(|e| failed("opening a session", &e))?;
        let info = self.context.get_token_info(slot).map_err(|e| failed("reading its state", &e))?;
        if !info.login_required() {
            return Ok(session);
        }
        // Logged in is the process, not the session: the first one does it for all.
        match session.get_session_info().map(|info| info.session_state()) {
            Ok(cryptoki::session::SessionState::RoUser | cryptoki::session::SessionState::RwUser) => {
                return Ok(session);
            }
            Ok(_) => {}
            Err(e) => return Err(failed("reading a session's state", &e)),
        }
        self.log_in(&session, slot, &info, login)?;
        Ok(session)
    }

    fn log_in(&self, session: &Session, slot: Slot, info: &TokenInfo, login: &Login) -> Result<(), TokenError> {
        let token = || login.token().to_owned();
        if info.user_pin_locked() {
            return Err(TokenError::PinLocked { token: token() });
        }
        if !info.user_pin_initialized() {
            return Err(TokenError::PinNotSet { token: token() });
        }
        let pin = login.pin(info.protected_authentication_path(), info.user_pin_final_try())?;
        let answer = match &pin {
            Pin::Pad => session.login(UserType::User, None),
            Pin::Typed(bytes) => session.login_with_raw(UserType::User, &RawAuthPin::new(Box::new(bytes.to_vec()))),
        };
        match answer {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {
                login.accepted(pin);
                Ok(())
            }
            Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
                let after = self.context.get_token_info(slot).ok();
                if after.as_ref().is_some_and(TokenInfo::user_pin_locked) {
                    return Err(TokenError::PinLocked { token: token() });
                }
                Err(login.refused(&pin, after.is_some_and(|info| info.user_pin_final_try())))
            }
            Err(Error::Pkcs11(RvError::PinLocked, _)) => Err(TokenError::PinLocked { token: token() }),
            Err(Error::Pkcs11(RvError::UserPinNotInitialized, _)) => Err(TokenError::PinNotSet { token: token() }),
            Err(e) => Err(login.failed("logging in", &e)),
        }
    }

    /// After handles of `epoch` turned out void: closes all sessions and initialises the library again, unless somebody did
    /// so since, or did so just now. Says whether it is worth to try once more. Errors: others keep their sessions.
    pub(super) fn reset(&self, epoch: u64, token: &str) -> Result<bool, TokenError> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.lock();
        while state.epoch == epoch && state.tokens.values().any(|opened| opened.lent > 0) {
            state = self.wait(state, deadline, token)?;
        }
        if state.epoch != epoch {
            return Ok(true);
        }
        if state.reset.is_some_and(|at| at.elapsed() < BETWEEN_RESETS) {
            return Ok(false);
        }
        // Sessions first: afterwards their numbers may be others'.
        state.tokens.clear();
        state.ready = false;
        state.epoch += 1;
        // It may say that it is not initialised: that is what is wanted.
        let _ = self.context.clone().finalize();
        self.make_ready(&mut state)?;
        state.reset = Some(Instant::now());
        self.returned.notify_all();
        Ok(true)
    }
}

impl Lent {
    /// The session.
    pub(super) fn session(&self) -> &Session {
        // It is taken by `drop` only.
        #[allow(clippy::expect_used)]
        self.session.as_ref().expect("a lent session is there until it is given back")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut state = self.module.lock();
        if let Some(opened) = state.tokens.get_mut(&self.place) {
            opened.lent -= 1;
            opened.idle.extend(self.session.take());
        }
        drop(state);
        self.module.returned.notify_all();
    }
}
