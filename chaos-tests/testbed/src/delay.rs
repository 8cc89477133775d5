//! Links that take longer. The kernel may lack netem, so TCP connections are led through a proxy inside the space that opens
//! them, without its programs or pods noticing. What cuts the link cuts it for the proxy too: it speaks from that space.

mod connection;
mod proxy;

pub(crate) use proxy::Proxy;
