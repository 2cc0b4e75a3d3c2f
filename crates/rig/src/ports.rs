//! Ports that nobody uses at the moment.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// A free TCP port on loopback.
///
/// # Errors
///
/// When there is none.
pub fn free_tcp_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

/// A UDP port on loopback that is free for both transports: SIP over TCP listens
/// on the same number.
///
/// # Errors
///
/// When there is none.
pub fn free_udp_port() -> std::io::Result<u16> {
    let mut last = None;
    for _ in 0..64 {
        let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into()))
}

/// The first of `count` UDP ports in a row that are free at both ends.
///
/// # Errors
///
/// When there are none.
pub(crate) fn free_udp_range(count: u16) -> std::io::Result<u16> {
    for _ in 0..64 {
        let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port()
            & !1;
        let Some(last) = port.checked_add(count) else {
            continue;
        };
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
            && UdpSocket::bind((Ipv4Addr::LOCALHOST, last)).is_ok()
        {
            return Ok(port);
        }
    }
    Err(std::io::ErrorKind::AddrInUse.into())
}
