//! A peerloom node in Rust: it listens, dials the multiaddr of its argument if there is one, and prints what happens.
//!
//!     cargo run -- [/ip4/127.0.0.1/tcp/10001/p2p/12D3KooW…]

mod frames;

use frames::{Frame, Link, kind};
use futures::StreamExt;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Stream, StreamProtocol, identify, noise, ping, tcp, yamux};
use std::error::Error;
use std::io;
use std::time::Duration;

const PROTOCOL: StreamProtocol = StreamProtocol::new("/peerloom/1");

#[derive(NetworkBehaviour)]
struct Behaviour {
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    streams: libp2p_stream::Behaviour,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut swarm = libp2p::SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)?
        .with_behaviour(|key| Behaviour {
            identify: identify::Behaviour::new(identify::Config::new("peer/1".into(), key.public())),
            ping: ping::Behaviour::default(),
            streams: libp2p_stream::Behaviour::new(),
        })?
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build();

    let mut incoming = swarm.behaviour().streams.new_control().accept(PROTOCOL)?;
    tokio::spawn(async move {
        while let Some((_, stream)) = incoming.next().await {
            tokio::spawn(talk(stream, false));
        }
    });
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
    if let Some(address) = std::env::args().nth(1) {
        swarm.dial(address.parse::<Multiaddr>()?)?;
    }

    let own_id = *swarm.local_peer_id();
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::NewListenAddr { address, .. } => println!("listening on {address}/p2p/{own_id}"),
            SwarmEvent::ConnectionEstablished { peer_id, endpoint, .. } if endpoint.is_dialer() => {
                tokio::spawn(open(swarm.behaviour().streams.new_control(), peer_id));
            }
            SwarmEvent::OutgoingConnectionError { error, .. } => println!("end {error}"),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(event)) => println!("ping {:?}", event.result),
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { info, .. })) => {
                println!("identify {:?}", info.protocols);
            }
            _ => {}
        }
    }
}

async fn open(mut streams: libp2p_stream::Control, peer: PeerId) {
    match streams.open_stream(peer, PROTOCOL).await {
        Ok(stream) => talk(stream, true).await,
        Err(error) => println!("end {error}"),
    }
}

async fn talk(stream: Stream, is_dialler: bool) {
    let mut link = Link::new(stream);
    let Err(error) = converse(&mut link, is_dialler).await;
    println!("end {error}");
    let _ = link.close().await;
}

/// Returns when the link has ended, with the reason.
async fn converse(link: &mut Link, is_dialler: bool) -> Result<std::convert::Infallible, io::Error> {
    shake_hands(link, is_dialler).await?;
    link.write(&Frame::text(kind::MESSAGE, b"", "hello from rust")).await?;
    link.write(&Frame::text(kind::DELIVER, &1u32.to_be_bytes(), "sure?")).await?;
    link.write(&Frame::text(kind::REQUEST, &2u32.to_be_bytes(), "who are you?")).await?;
    loop {
        answer(link).await?;
    }
}

/// Both sides say hello and accept; the one that dialled begins (docs/protocol.md, section 4).
async fn shake_hands(link: &mut Link, is_dialler: bool) -> io::Result<()> {
    if is_dialler {
        link.write(&Frame::hello("rust")).await?;
    }
    let hello = expect(link, kind::HELLO).await?;
    println!("hello {}", String::from_utf8_lossy(&hello.body));
    if is_dialler {
        expect(link, kind::ACCEPT).await?;
        return link.write(&Frame::new(kind::ACCEPT, b"")).await;
    }
    link.write(&Frame::hello("rust")).await?;
    link.write(&Frame::new(kind::ACCEPT, b"")).await?;
    expect(link, kind::ACCEPT).await.map(|_| ())
}

async fn expect(link: &mut Link, kind: u8) -> io::Result<Frame> {
    let frame = link.read().await?;
    if frame.kind == kind { Ok(frame) } else { Err(io::Error::other(format!("refused {frame}"))) }
}

/// Reads one frame, prints it, and does what it asks for.
async fn answer(link: &mut Link) -> io::Result<()> {
    let frame = link.read().await?;
    match frame.kind {
        kind::MESSAGE => {
            println!("message {frame}");
            if frame.body == b"leave" {
                let reason = br#"{"code":"disconnected","message":"as asked"}"#;
                link.write(&Frame::new(kind::GOODBYE, reason)).await?;
                return Err(io::Error::other("as asked"));
            }
        }
        kind::DELIVER => {
            println!("deliver {frame}");
            link.write(&Frame::new(kind::DELIVERED, frame.number())).await?;
        }
        kind::REQUEST => {
            println!("request {frame}");
            link.write(&Frame { kind: kind::RESPONSE, ..frame }).await?;
        }
        kind::DELIVERED => println!("delivered"),
        kind::RESPONSE => println!("response {frame}"),
        kind::FAILURE => println!("failure {frame}"),
        kind::PING => link.write(&Frame { kind: kind::PONG, ..frame }).await?,
        kind::STREAM_OPEN => {
            let reason = br#"{"code":"handler","message":"no streams here"}"#;
            link.write(&Frame::new(kind::STREAM_ABORT, &[frame.number(), reason].concat())).await?;
        }
        kind::GOODBYE => return Err(io::Error::other(format!("goodbye {frame}"))),
        _ => {}
    }
    Ok(())
}
