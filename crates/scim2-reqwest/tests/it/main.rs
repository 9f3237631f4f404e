//! The transport over loopback sockets.

#[cfg(test)]
mod faults;
#[cfg(test)]
mod server;
#[cfg(test)]
mod tls;
