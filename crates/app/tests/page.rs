//! Tests of the page as people meet it: in a browser, beside real daemons.

#[cfg(test)]
#[path = "page/mod.rs"]
mod page;
