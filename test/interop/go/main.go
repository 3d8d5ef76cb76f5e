// A peerloom node in Go: it listens, dials the multiaddr of its argument if there is one, and prints what happens.
//
//	go run . [/ip4/127.0.0.1/tcp/10001/p2p/12D3KooW…]
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"slices"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
)

func main() {
	log.SetFlags(0)
	log.SetOutput(os.Stdout)
	node, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"))
	if err != nil {
		log.Fatal(err)
	}
	node.SetStreamHandler("/peerloom/1", func(stream network.Stream) { talk(stream, false) })
	for _, address := range node.Addrs() {
		log.Printf("listening on %s/p2p/%s", address, node.ID())
	}
	if len(os.Args) > 1 {
		dial(node, os.Args[1])
	}
	select {}
}

func dial(node host.Host, address string) {
	ctx := context.Background()
	other, err := peer.AddrInfoFromString(address)
	if err != nil {
		log.Fatal(err)
	}
	if err := node.Connect(ctx, *other); err != nil {
		log.Fatal(err)
	}
	protocols, _ := node.Peerstore().GetProtocols(other.ID)
	log.Printf("identify %v", protocols)
	pong := <-ping.Ping(ctx, node, other.ID)
	log.Printf("ping %v %v", pong.RTT, pong.Error)
	stream, err := node.NewStream(ctx, other.ID, "/peerloom/1")
	if err != nil {
		log.Fatal(err)
	}
	go talk(stream, true)
}

// Both sides say hello and accept; the one that dialled begins (docs/protocol.md, section 4).
func talk(stream network.Stream, isDialler bool) {
	link := Link{bufio.NewReader(stream), stream}
	err := handshake(link, isDialler)
	if err == nil {
		link.Write(Frame{Kind: message, Format: text, Body: []byte("hello from go")})
		link.Write(Frame{Kind: deliver, Format: text, Body: append(number(1), "sure?"...)})
		link.Write(Frame{Kind: request, Format: text, Body: append(number(2), "who are you?"...)})
	}
	for err == nil {
		err = answer(link)
	}
	log.Printf("end %v", err)
	stream.Close()
}

func handshake(link Link, isDialler bool) error {
	if isDialler {
		link.Write(hello)
	}
	if err := expect(link, helloKind); err != nil {
		return err
	}
	if isDialler {
		if err := expect(link, acceptKind); err != nil {
			return err
		}
		return link.Write(Frame{Kind: acceptKind})
	}
	link.Write(hello)
	link.Write(Frame{Kind: acceptKind})
	return expect(link, acceptKind)
}

func expect(link Link, kind byte) error {
	frame, err := link.Read()
	if err != nil {
		return err
	}
	if frame.Kind != kind {
		return fmt.Errorf("refused %s", frame.Body)
	}
	if kind == helloKind {
		log.Printf("hello %s", frame.Body)
	}
	return nil
}

// Reads one frame, prints it, and does what it asks for.
func answer(link Link) error {
	frame, err := link.Read()
	if err != nil {
		return err
	}
	var question []byte
	payload := frame.Body
	if frame.Kind >= deliver && len(payload) >= 4 {
		question, payload = payload[:4], payload[4:]
	}
	switch frame.Kind {
	case message:
		log.Printf("message %s", shown(frame, payload))
		if string(payload) == "leave" {
			link.Write(Frame{Kind: goodbye, Body: []byte(`{"code":"disconnected","message":"as asked"}`)})
			return fmt.Errorf("as asked")
		}
	case deliver:
		log.Printf("deliver %s", shown(frame, payload))
		return link.Write(Frame{Kind: delivered, Body: question})
	case request:
		log.Printf("request %s", shown(frame, payload))
		return link.Write(Frame{Kind: response, Format: frame.Format, Body: frame.Body})
	case delivered:
		log.Print("delivered")
	case response:
		log.Printf("response %s", shown(frame, payload))
	case failure:
		log.Printf("failure %s", payload)
	case pingKind:
		return link.Write(Frame{Kind: pongKind, Body: frame.Body})
	case streamOpen:
		return link.Write(Frame{Kind: streamAbort, Body: slices.Concat(question, []byte(`{"code":"handler","message":"no streams here"}`))})
	case goodbye:
		return fmt.Errorf("goodbye %s", frame.Body)
	}
	return nil
}

func shown(frame Frame, payload []byte) string {
	if frame.Format == text {
		return string(payload)
	}
	return fmt.Sprintf("%d bytes", len(payload))
}
