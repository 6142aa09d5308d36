//! What an attacker might have a daemon keep.

/// Texts that a browser, a terminal, a spreadsheet, a shell or the log's reader could take for more.
pub(crate) const HOSTILE: [&str; 9] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "javascript:alert(1)//https://kvm-1",
    "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m",
    "kvm-1\n1999-11-23T10:00:00Z ERROR forged\r\nX-Evil: 1",
    "\u{202e}1-mvk\u{202c}\u{200b}\u{feff}",
    "=HYPERLINK(\"https://evil.example\",\"kvm-1\")",
    "$(touch /run/hosts/owned)`id`;'\"\\",
    "kvm-1\u{0}\u{7f}\u{85}\u{2028}",
];
