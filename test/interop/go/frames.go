package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// Kinds of frames (docs/protocol.md, clause 3.4).
const (
	helloKind   = 1
	acceptKind  = 2
	goodbye     = 3
	pingKind    = 4
	pongKind    = 5
	part        = 6
	streamAbort = 11
	message     = 16
	deliver     = 17
	delivered   = 18
	request     = 19
	response    = 20
	failure     = 21
	streamOpen  = 22
)

const (
	// Format of a payload that is UTF-8.
	text = 2
	// Flag of a frame whose message goes on in another one.
	more = 1
	// What the body of a frame may hold.
	maxBody = 262144
	// What a whole message may hold here.
	maxMessage = 16 << 20
)

// The windows are as good as endless, so that this program need not give credit.
var hello = Frame{Kind: helloKind, Body: []byte(`{"versions":[1,1],"network":"","addresses":[],"name":"go",` +
	`"instance":"go-1","maxMessageBytes":16777216,"compressions":[],"protocols":[],` +
	`"windows":{"messages":9007199254740991,"requests":9007199254740991,"protocols":9007199254740991}}`)}

// Frame is a whole frame, or a message that was put together from several.
type Frame struct {
	Kind, Format byte
	Body         []byte
}

// Link reads and writes frames.
type Link struct {
	reader *bufio.Reader
	writer io.Writer
}

// Write cuts what is too long for one frame: the first piece then begins with the length of the whole.
func (link Link) Write(frame Frame) error {
	kind, body := frame.Kind, frame.Body
	if len(body) > maxBody {
		body = append(number(uint32(len(body))), body...)
	}
	for len(body) > maxBody {
		if err := link.write(kind, more, frame.Format, body[:maxBody]); err != nil {
			return err
		}
		kind, body = part, body[maxBody:]
		frame.Format = 0
	}
	return link.write(kind, 0, frame.Format, body)
}

func (link Link) write(kind, flags, format byte, body []byte) error {
	head := append(number(uint32(len(body))), kind, flags, format, 0)
	_, err := link.writer.Write(append(head, body...))
	return err
}

// Read returns the next frame, or the next message in one piece. Pings may come between its pieces.
func (link Link) Read() (Frame, error) {
	kind, flags, format, body, err := link.read()
	if err != nil || flags != more {
		return Frame{kind, format, body}, err
	}
	if len(body) < 4 || binary.BigEndian.Uint32(body) > maxMessage+4 {
		return Frame{}, fmt.Errorf("a message that is too long")
	}
	length := int(binary.BigEndian.Uint32(body))
	whole := body[4:]
	for flags == more && len(whole) <= length {
		var partKind byte
		partKind, flags, _, body, err = link.read()
		if err != nil {
			return Frame{}, err
		}
		if partKind == pingKind {
			link.Write(Frame{Kind: pongKind, Body: body})
			flags = more
		} else if partKind == part {
			whole = append(whole, body...)
		}
	}
	if len(whole) != length {
		return Frame{}, fmt.Errorf("a message of another length than it said")
	}
	return Frame{kind, format, whole}, nil
}

func (link Link) read() (kind, flags, format byte, body []byte, err error) {
	head := make([]byte, 8)
	if _, err = io.ReadFull(link.reader, head); err != nil {
		return
	}
	length := binary.BigEndian.Uint32(head)
	if length > maxBody {
		err = fmt.Errorf("a frame of %d bytes", length)
		return
	}
	body = make([]byte, length)
	_, err = io.ReadFull(link.reader, body)
	return head[4], head[5], head[6], body, err
}

func number(value uint32) []byte {
	return binary.BigEndian.AppendUint32(nil, value)
}
