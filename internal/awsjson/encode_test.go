package awsjson_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/awsjson"
)

// A stamp speaks JSON itself and knows when it is absent.
type stamp struct{ time.Time }

func (s stamp) MarshalJSON() ([]byte, error) { return json.Marshal(s.Unix()) }

func (s *stamp) UnmarshalJSON(b []byte) error {
	var seconds int64
	err := json.Unmarshal(b, &seconds)
	s.Time = time.Unix(seconds, 0)
	return err
}

type leaf struct {
	Text     string `shape:"Free"`
	Optional string `json:",omitzero" shape:"Free"`
	At       stamp  `shape:"Free"`
	MaybeAt  stamp  `json:",omitzero" shape:"Free"`
}

type branch struct {
	Renamed string   `json:"renamed" shape:"Free"`
	Count   int      `shape:"Free"`
	Pointer *int     `json:",omitzero" shape:"Free"`
	Flag    bool     `shape:"Free"`
	Names   []string `json:",omitzero" shape:"Free"`
	Leaf    leaf
	Child   *leaf  `json:",omitzero"`
	Leaves  []leaf `json:",omitzero" shape:"Free"`
}

func randomText(rnd *rand.Rand) string {
	letters := []rune("ab \"\\\n\r\t\x00\x01\x1f\x7f<>&/é漢😀\u2028\ufffd")
	var text []rune
	for range rnd.IntN(6) {
		text = append(text, letters[rnd.IntN(len(letters))])
	}
	return string(text)
}

func randomLeaf(rnd *rand.Rand) leaf {
	l := leaf{Text: randomText(rnd), Optional: randomText(rnd), At: stamp{time.Unix(rnd.Int64N(1e9), 0)}}
	if rnd.IntN(2) == 0 {
		l.MaybeAt = l.At
	}
	return l
}

func randomBranch(rnd *rand.Rand) branch {
	b := branch{Renamed: randomText(rnd), Count: rnd.IntN(9) - 4, Flag: rnd.IntN(2) == 0, Leaf: randomLeaf(rnd)}
	if rnd.IntN(2) == 0 {
		b.Pointer, b.Names, b.Leaves = new(int), []string{}, []leaf{}
		child := randomLeaf(rnd)
		b.Child = &child
		for range rnd.IntN(3) {
			b.Names, b.Leaves = append(b.Names, randomText(rnd)), append(b.Leaves, randomLeaf(rnd))
		}
	}
	return b
}

func answering[Out any](fn func() *Out) *awsjson.Mux {
	s := shelf()
	s.Shapes["Free"] = awsjson.Shape{Member: "Free"}
	m := awsjson.NewMux(awsjson.Options{Services: []awsjson.Service{s}})
	awsjson.Handle(m, "shelf", "PutBook", func(context.Context, *struct{}) (*Out, error) { return fn(), nil })
	return m
}

func TestAnswersAreEncodedAsEncodingJSONDoes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var out branch
	mux := answering(func() *branch { return &out })
	for range 2000 {
		out = randomBranch(rnd)
		want, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}

		// AWS leaves alone what encoding/json escapes for the sake of HTML.
		for escaped, plain := range map[string]string{`\u003c`: "<", `\u003e`: ">", `\u0026`: "&", `\u2028`: "\u2028"} {
			want = bytes.ReplaceAll(want, []byte(escaped), []byte(plain))
		}

		if _, _, got := serve(t, mux, request("{}")); got != string(want) {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

func TestInvalidUTF8IsReplaced(t *testing.T) {
	m := answering(func() *branch { return &branch{Renamed: "a\xffb\xc3"} })
	_, _, body := serve(t, m, request("{}"))
	var got struct {
		Renamed string `json:"renamed"`
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || got.Renamed != "a\ufffdb\ufffd" {
		t.Errorf("%q, %v", got.Renamed, err)
	}
}

func TestInputsMayImplementUnmarshaler(t *testing.T) {
	s := shelf()
	s.Shapes["Free"] = awsjson.Shape{}
	mux := awsjson.NewMux(awsjson.Options{Services: []awsjson.Service{s}})
	awsjson.Handle(mux, "shelf", "PutBook", func(_ context.Context, in *leaf) (*leaf, error) { return in, nil })
	if _, _, body := serve(t, mux, request(`{"Text":"","At": 7 }`)); body != `{"Text":"","At":7}` {
		t.Errorf("answer %s", body)
	}
	_, _, body := serve(t, mux, request(`{"Text":"","At":"now"}`))
	if name, _ := exception(t, body); name != "com.amazon.coral.service#SerializationException" {
		t.Errorf("answer %s", body)
	}
}
