//! The guard: process 1 of a container. It never starts its program without a lease, and ends it before the lease does.

use std::collections::BTreeMap;

use verbund_model::WorkloadName;

use crate::Tick;
use crate::number::{Epoch, Nonce};
use crate::renewal::{Grant, Question};

/// How many questions may be open.
const QUESTIONS: usize = 64;

/// What a guard should do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Advice {
    /// The program is not started: ask, and wait.
    Wait,
    /// The program runs, or may be started, until this tick at least; look again then.
    Run {
        /// The deadline less the stop budget.
        until: Tick,
    },
    /// End the program (if it runs) and exit; whatever still runs at the deadline is killed. Never taken back.
    End {
        /// When the lease ends; 0 if there was none.
        deadline: Tick,
    },
}

/// Why a grant was not taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum GuardError {
    /// To another guard, workload or epoch.
    #[error("the grant is for another guard, workload or epoch")]
    Foreign,
    /// To a question that is not open.
    #[error("the grant answers a question that is not open")]
    NotAsked,
    /// It has ended already.
    #[error("the guard has ended its program already")]
    Ended,
}

/// One start of a guard.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Guard {
    workload: WorkloadName,
    epoch: Epoch,
    id: u64,
    stop_budget: u64,
    count: Nonce,
    asked: BTreeMap<Nonce, Tick>,
    deadline: Tick,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Waiting,
    Running,
    Ended,
}

impl Guard {
    /// A guard for a container of this workload and epoch. `id` is drawn at random by the caller; `stop_budget` is how long
    /// ending the program may take, in milliseconds, the killing and delays of scheduling included.
    #[must_use]
    pub const fn new(workload: WorkloadName, epoch: Epoch, id: u64, stop_budget: u64) -> Self {
        Self {
            workload,
            epoch,
            id,
            stop_budget,
            count: Nonce(0),
            asked: BTreeMap::new(),
            deadline: 0,
            phase: Phase::Waiting,
        }
    }

    /// A question to be sent **now**: what is granted counts from this call (rule 1).
    pub fn ask(&mut self, now: Tick) -> Question {
        while self.asked.len() >= QUESTIONS {
            self.asked.pop_first();
        }
        self.count.0 += 1;
        self.asked.insert(self.count, now);
        Question { workload: self.workload.clone(), epoch: self.epoch, guard: self.id, nonce: self.count }
    }

    /// Takes a grant. Gives the deadline, which never moves back: every grant stands for what it promised.
    ///
    /// # Errors
    /// [`GuardError`]; nothing was taken then.
    pub fn granted(&mut self, grant: &Grant) -> Result<Tick, GuardError> {
        let Question { workload, epoch, guard, nonce } = &grant.question;
        if *workload != self.workload || *epoch != self.epoch || *guard != self.id {
            return Err(GuardError::Foreign);
        }
        if self.phase == Phase::Ended {
            return Err(GuardError::Ended);
        }
        let asked = self.asked.remove(nonce).ok_or(GuardError::NotAsked)?;
        self.asked.retain(|other, _| other > nonce);
        self.deadline = self.deadline.max(asked.saturating_add(grant.remaining));
        Ok(self.deadline)
    }

    /// Takes the agent's word that this epoch is not active here: the program ends now, not only with the lease.
    pub const fn denied(&mut self) {
        self.phase = Phase::Ended;
    }

    /// What to do now. Asked before the program is started, and again at the tick that it names; the guard counts the
    /// program as running from the first [`Advice::Run`].
    pub fn advice(&mut self, now: Tick) -> Advice {
        let until = self.deadline.saturating_sub(self.stop_budget);
        match self.phase {
            Phase::Ended => {}
            Phase::Waiting if now >= until => return Advice::Wait,
            Phase::Running if now >= until => self.phase = Phase::Ended,
            Phase::Waiting | Phase::Running => {
                self.phase = Phase::Running;
                return Advice::Run { until };
            }
        }
        Advice::End { deadline: self.deadline }
    }

    /// When the lease ends, as far as it was granted; 0 if it never was.
    #[must_use]
    pub const fn deadline(&self) -> Tick {
        self.deadline
    }
}

#[cfg(test)]
mod tests;
