//! A site whose revocation list ran out: somebody may be withholding the next one, in which there may stand whoever asks. Its
//! administration closes until there is a newer one, with a message that says so (attack 14).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use verbund_api::{Caller, Language, Localised, Problem, ProblemKind};
use verbund_identity::TrustDomain;
use verbund_model::instant::rfc3339;
use verbund_model::resource::Millis;
use verbund_tls::Trust;

/// What stays open: it is public, says what is wrong, or proves itself as directives do.
const OPEN: [&str; 6] = ["/livez", "/readyz", "/v1/openapi.json", "/v1/genesis", "/v1/status", "/v1/directives"];

/// Whom the middleware believes, and where it is.
#[derive(Clone)]
pub struct Closing {
    /// The lists in force.
    pub trust: Arc<Trust>,
    /// This site.
    pub own: TrustDomain,
}

/// The middleware of the administration listener.
pub async fn closed(State(closing): State<Closing>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if OPEN.iter().any(|open| path == *open || path.strip_prefix(open).is_some_and(|rest| rest.starts_with('/'))) {
        return next.run(request).await;
    }
    let of_caller = match request.extensions().get::<Caller>() {
        Some(Caller::User(id) | Caller::Other(id)) => refusal(&closing.trust, &id.trust_domain),
        _ => None,
    };
    match of_caller.or_else(|| refusal(&closing.trust, &closing.own)) {
        None => next.run(request).await,
        Some((_, detail)) => {
            let language = Language::from_headers(request.headers());
            Problem::new(ProblemKind::CaUnavailable, detail).render(language, "revocation-list").into_response()
        }
    }
}

/// Why nothing of `domain` is trusted now, and since when. `None`: its lists count, or there are none.
pub fn refusal(trust: &Trust, domain: &TrustDomain) -> Option<(Millis, Localised)> {
    let run_out = trust.lists_run_out(domain).into_iter().next()?;
    let since = u64::try_from(run_out.list.next_update).unwrap_or(0).saturating_mul(1000);
    let end = rfc3339(since);
    let ca = run_out.list.issuer;
    let message = Localised::new(
        format!(
            "Die Sperrliste der Zertifizierungsstelle {ca} von {domain} ist am {end} abgelaufen. Bis eine neuere da ist, gilt kein Zertifikat dieser Stelle, denn wer sie vorenthält, könnte darauf stehen. Zu prüfen: ob der Schlüssel der Zertifizierungsstelle dort erreichbar ist (Token, Passphrase), und ob der Standort Verbindung hat."
        ),
        format!(
            "the revocation list of the certification authority {ca} of {domain} ran out at {end}. Until there is a newer one no certificate of it counts, because whoever withholds it could stand on it. Check whether the authority's key can be reached there (token, passphrase), and whether the site is connected."
        ),
    );
    Some((since, message))
}
