//! Tests of the daemon on real kernels: hosts, bridges and routers made of network namespaces.
//!
//! Nothing here touches an interface of the machine. Each test runs itself again inside private namespaces; see
//! [`netns::inside`]. Where namespaces are not permitted the tests say so loudly and pass, except with `CI=true`.

#[cfg(test)]
mod netns;
