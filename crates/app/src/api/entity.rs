//! Answers with an entity tag made of their bytes.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// An answer with an entity tag made of its bytes; 304 where the asker has those bytes already.
pub(crate) fn tagged<Body>(headers: &HeaderMap, content_type: &'static str, body: Body) -> Response
where
    Body: AsRef<str> + IntoResponse,
{
    let mut hasher = DefaultHasher::new();
    body.as_ref().hash(&mut hasher);
    let tag = format!("\"{:016x}\"", hasher.finish());
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let fresh =
        known.split(',').map(|known| known.trim().trim_start_matches("W/")).any(|known| known == tag || known == "*");
    let tags = [(header::ETAG, tag)];
    if fresh {
        return (StatusCode::NOT_MODIFIED, tags).into_response();
    }
    (tags, [(header::CONTENT_TYPE, content_type)], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_entity_is_not_sent_again() {
        let first = tagged(&HeaderMap::new(), "application/json", "[]".to_owned());
        let tag = first.headers()[header::ETAG].clone();
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, tag);
        assert_eq!(tagged(&headers, "application/json", "[]".to_owned()).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(tagged(&headers, "application/json", "[1]".to_owned()).status(), StatusCode::OK);
    }
}
