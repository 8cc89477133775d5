//! Attack 26: a page of another origin makes a browser call the API with its user's certificate, shows it in a frame, or reads its
//! event stream.
//!
//! Expected: refused by what browsers say of themselves (Fetch Metadata), and nothing is readable for another origin. What waits for
//! the web page: a list of host names against DNS rebinding, cookies (`SameSite=Strict`), and the corpus in a real browser.

use bytes::Bytes;
use verbund_kit::{Federation, Settings};

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_on_a_foreign_page_gets_nothing() {
    let federation = Federation::found(Settings::default(), None).await.unwrap();
    let person = federation.new_user("erika").unwrap();
    let mut connection = federation.connect(0, &person).await.unwrap();
    let paths = ["/v1/sites", "/v1/status", "/v1/watch?kinds=sites", "/v1/audit/export", "/v1/openapi.json"];
    for site in ["cross-site", "same-site"] {
        let headers = [("sec-fetch-site", site), ("sec-fetch-mode", "cors"), ("origin", "https://evil.example")];
        for path in paths {
            let answer = connection.get_with(path, &headers).await.unwrap();
            assert_eq!(answer.problem().as_deref(), Some("cross-origin"), "{path}, {site}: {answer:?}");
            assert_eq!(answer.status.as_u16(), 403);
        }
        for path in ["/v1/envelopes", "/v1/certificates", "/v1/directives/live"] {
            // A form of another page sends what no preflight asks for first.
            let form = [&headers[..], &[("content-type", "text/plain")]].concat();
            let answer = connection.post_with(path, &form, Bytes::from_static(b"{}")).await.unwrap();
            assert_eq!(answer.problem().as_deref(), Some("cross-origin"), "{path}, {site}: {answer:?}");
        }
    }
    for site in ["same-origin", "none"] {
        let answer = connection.get_with("/v1/sites", &[("sec-fetch-site", site)]).await.unwrap();
        assert!(answer.status.is_success(), "control, {site}: {answer:?}");
        let header = |name: &str| answer.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("access-control-allow-origin"), None, "nothing is shared with anybody");
        assert!(header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
        assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"));
        assert_eq!(header("cache-control").as_deref(), Some("no-store"));
        assert_eq!(header("set-cookie"), None, "there is no cookie that could be ridden on");
    }
}
