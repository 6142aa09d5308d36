//! Comma-separated values (RFC 4180), safe to open in a spreadsheet.

/// One record with its line end.
pub(crate) fn record<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
    let fields: Vec<_> = fields.into_iter().map(field).collect();
    format!("{}\r\n", fields.join(","))
}

fn field(text: &str) -> String {
    let guard = if is_formula(text) { "'" } else { "" };
    if text.contains([',', '"', '\r', '\n']) || !guard.is_empty() {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Whether a spreadsheet would compute the text instead of showing it. An identity may begin with a hyphen; one of
/// letters, digits, `-`, `_` and `.` alone can call no function and is left as it is.
fn is_formula(text: &str) -> bool {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    match text.as_bytes() {
        [b'=' | b'+' | b'@' | b'\t' | b'\r' | b'\n', ..] => true,
        [b'-', rest @ ..] => !rest.iter().copied().all(harmless),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        assert_eq!(record(["a", "b c", "", "é"]), "a,b c,,é\r\n");
        assert_eq!(record(["a,b", "c\"d", "e\nf"]), "\"a,b\",\"c\"\"d\",\"e\nf\"\r\n");
    }

    #[test]
    fn no_field_is_a_formula() {
        assert_eq!(record(["=1+1", "+1", "@x", "\tx"]), "\"'=1+1\",\"'+1\",\"'@x\",\"'\tx\"\r\n");
        assert_eq!(record(["-1+cmd|' /C calc'!A0"]), "\"'-1+cmd|' /C calc'!A0\"\r\n");
        assert_eq!(record(["-Ab_9", "a=b"]), "-Ab_9,a=b\r\n");
    }
}
