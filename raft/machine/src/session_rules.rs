//! The rules of sessions (formats 7): each statement counts once, and its author can ask again what came of it.

use verbund_model::resource::{Invitation, InvitationUse, KeyOwner, Millis};
use verbund_model::{Accepted, Command, Outcome, Refusal};

use crate::act::{Act, Decision, invalid, outcome};
use crate::limits::{MAX_SESSIONS, MAX_VALIDITY, SESSION_LENGTH, WINDOW};
use crate::session::{Answer, InvitationAnswer, LastSession, Session};

/// How many answers of ended sessions one entry clears away: more than it can add, and never long.
const SWEEP: usize = 64;

impl Act<'_> {
    /// The answer to the statement: the first one again, or a new one, which is remembered where the author's session
    /// has room for it.
    pub(crate) fn answer(&mut self) -> Outcome {
        self.sweep();
        let not_after = self.author.statement.not_after;
        if not_after < self.now {
            return Outcome::Refused(Refusal::Expired { not_after, now: self.now });
        }
        match (&self.author.owner, &self.author.statement.command) {
            (KeyOwner::Invitation, _) => self.answer_invitation(),
            (_, Command::OpenSession {}) => self.answer_opening(),
            _ => self.answer_in_session(),
        }
    }

    fn check_validity(&self) -> Result<(), Refusal> {
        let not_after = self.author.statement.not_after;
        if not_after <= self.now.saturating_add(MAX_VALIDITY) {
            return Ok(());
        }
        Err(Refusal::ValidTooLong { not_after, now: self.now, limit: MAX_VALIDITY })
    }

    /// An invitation has no session: its request is known by its bytes, and only a request that was taken is remembered.
    fn answer_invitation(&mut self) -> Outcome {
        let (key, payload) = (self.author.key, self.author.payload);
        let used = self.state.find::<Invitation>(&key).map(|invitation| invitation.value.used);
        if let Some(InvitationUse::Used { request }) = used {
            let first = self.state.tables.invitation_answers.get(&key).filter(|_| request == payload);
            let spent = || Refusal::InvitationSpent { reason: format!("was used for request {}", request.short()) };
            return first.map_or_else(|| Outcome::Refused(spent()), |first| first.outcome.clone());
        }
        let outcome = outcome(self.decide_invitation());
        if matches!(outcome, Outcome::Accepted(_)) {
            self.state.tables.invitation_answers.put(key, InvitationAnswer { outcome: outcome.clone() });
        }
        outcome
    }

    fn decide_invitation(&mut self) -> Decision {
        self.check_validity()?;
        let statement = &self.author.statement;
        if statement.session != 0 {
            return Err(Refusal::NoSession { session: statement.session });
        }
        if statement.sequence != 0 {
            return Err(invalid("sequence", "the one request of an invitation has number 0"));
        }
        self.decide()
    }

    fn answer_opening(&mut self) -> Outcome {
        let place = (self.author.key, self.author.statement.session);
        if let Some(session) = self.state.tables.sessions.get(&place)
            && session.opening == self.author.payload
        {
            return Outcome::Accepted(Accepted::SessionOpened { until: session.until });
        }
        outcome(self.check_validity().and_then(|()| self.decide()))
    }

    /// The command `OpenSession`.
    pub(crate) fn open_session(&mut self) -> Decision {
        let (key, number) = (self.author.key, self.author.statement.session);
        if self.author.statement.sequence != 0 {
            return Err(invalid("sequence", "a session is opened with number 0"));
        }
        let last = self.state.tables.last_sessions.get(&key).map_or(0, |last| last.number);
        if number <= last {
            return Err(Refusal::SessionNotNew { session: number, last });
        }
        self.check_open_sessions()?;
        let until = self.now.saturating_add(SESSION_LENGTH);
        let session = Session { id: self.index, opening: self.author.payload, until, highest: 0 };
        self.state.index.session_ends.insert((until, session.id), (key, number));
        self.state.tables.sessions.put((key, number), session);
        self.state.tables.last_sessions.put(key, LastSession { number, until });
        Ok(Accepted::SessionOpened { until })
    }

    fn check_open_sessions(&self) -> Result<(), Refusal> {
        let key = self.author.key;
        let of_key = self.state.tables.sessions.range((key, 0)..=(key, u64::MAX));
        let ends: Vec<Millis> = of_key.map(|(_, session)| session.until).filter(|until| self.now < *until).collect();
        match ends.iter().min() {
            Some(first_end) if ends.len() >= MAX_SESSIONS as usize => {
                Err(Refusal::TooManySessions { limit: MAX_SESSIONS, first_end: *first_end })
            }
            _ => Ok(()),
        }
    }

    fn answer_in_session(&mut self) -> Outcome {
        let (number, sequence) = (self.author.statement.session, self.author.statement.sequence);
        let found = self.state.tables.sessions.get(&(self.author.key, number));
        let Some(session) = found.filter(|session| self.now <= forgotten_at(session)).cloned() else {
            return Outcome::Refused(Refusal::NoSession { session: number });
        };
        let oldest = oldest(session.highest);
        if sequence < oldest {
            return Outcome::Refused(Refusal::SequenceTooOld { sequence, oldest });
        }
        if sequence == 0 {
            return Outcome::Refused(Refusal::SequenceReused { sequence }); // it was used to open the session
        }
        if let Some(first) = self.state.tables.answers.get(&(session.id, sequence)) {
            let same = first.payload == self.author.payload;
            let reused = Outcome::Refused(Refusal::SequenceReused { sequence });
            return if same { first.outcome.clone().into() } else { reused };
        }
        if self.now >= session.until {
            return Outcome::Refused(Refusal::NoSession { session: number });
        }
        // Remembered too: an author who was told "valid for too long" must not see it carried out later.
        let outcome = outcome(self.check_validity().and_then(|()| self.decide()));
        self.remember(session, &outcome);
        outcome
    }

    fn remember(&mut self, mut session: Session, outcome: &Outcome) {
        let sequence = self.author.statement.sequence;
        let answer = Answer { payload: self.author.payload, outcome: outcome.clone().into() };
        self.state.tables.answers.put((session.id, sequence), answer);
        if sequence <= session.highest {
            return;
        }
        let (before, after) = (oldest(session.highest), oldest(sequence));
        session.highest = sequence;
        if before < after {
            self.forget(session.id, after - 1, usize::MAX);
        }
        self.state.tables.sessions.put((self.author.key, self.author.statement.session), session);
    }

    /// Forgets up to `limit` answers of a session, up to sequence number `last`. Whether there were fewer than `limit`.
    fn forget(&mut self, session: u64, last: u64, limit: usize) -> bool {
        let range = self.state.tables.answers.range((session, 0)..=(session, last));
        let places: Vec<(u64, u64)> = range.take(limit).map(|(place, _)| *place).collect();
        for place in &places {
            self.state.tables.answers.take(place);
        }
        places.len() < limit
    }

    /// Clears away, a little at a time, the session that ended first, once nothing of it can be repeated.
    fn sweep(&mut self) {
        let Some(((until, id), place)) = self.state.index.session_ends.get_min().copied() else { return };
        if self.now <= until.saturating_add(MAX_VALIDITY) {
            return;
        }
        if self.forget(id, u64::MAX, SWEEP) {
            self.state.tables.sessions.take(&place);
            self.state.index.session_ends.remove(&(until, id));
        }
    }
}

/// When the last envelope of a session has expired: until then its answers can be asked for again.
const fn forgotten_at(session: &Session) -> Millis {
    session.until.saturating_add(MAX_VALIDITY)
}

/// The oldest sequence number of the window below `highest`.
const fn oldest(highest: u64) -> u64 {
    highest.saturating_sub(WINDOW - 1)
}
