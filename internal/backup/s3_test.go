package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	exampleKey    = "AKIAIOSFODNN7EXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// TestSignaturesAreThoseOfAmazonsExamples: "Authenticating Requests: Using the Authorization Header", API reference of Amazon S3.
func TestSignaturesAreThoseOfAmazonsExamples(t *testing.T) {
	t.Parallel()
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	b, err := NewBucket(BucketOptions{
		Endpoint: "https://s3.amazonaws.com", Region: "us-east-1", Bucket: "examplebucket", AccessKey: exampleKey, SecretKey: exampleSecret,
		Hosts: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		method, path, query, hash, want string
		header                          map[string]string
	}{
		"GET object": {"GET", "/test.txt", "", emptyHash, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
			map[string]string{"Range": "bytes=0-9"}},
		"PUT object": {"PUT", "/test%24file.text", "", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
			"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
			map[string]string{"Date": "Fri, 24 May 2013 00:00:00 GMT", "X-Amz-Storage-Class": "REDUCED_REDUNDANCY"}},
		"list": {"GET", "/", "max-keys=2&prefix=J", emptyHash, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7", nil},
	} {
		req := httptest.NewRequest(c.method, "https://examplebucket.s3.amazonaws.com"+c.path, nil)
		req.URL.RawQuery = c.query
		for k, v := range c.header {
			req.Header.Set(k, v)
		}
		b.sign(req, c.hash, at)
		if got := req.Header.Get("Authorization"); !strings.HasSuffix(got, "Signature="+c.want) {
			t.Errorf("%s: got %s", name, got)
		}
	}
	if got := escape("/test$file text.ä", true); got != "/test%24file%20text.%C3%A4" {
		t.Errorf("escaped %s", got)
	}
}

// store is a server of the protocol as far as it is used: objects by key, pages of two, signatures and hashes verified.
type store struct {
	mu      sync.Mutex
	objects map[string][]byte
	verify  *Bucket
	refused int
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	sum := sha256.Sum256(body)
	at, timed := time.Parse(amzDate, r.Header.Get("X-Amz-Date"))
	again, _ := http.NewRequest(r.Method, "http://"+r.Host+r.URL.RequestURI(), nil)
	s.verify.sign(again, hex.EncodeToString(sum[:]), at)
	if err != nil || timed != nil || again.Header.Get("Authorization") != r.Header.Get("Authorization") {
		s.refused++
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "<Error><Code>SignatureDoesNotMatch</Code><Message>no</Message></Error>")
		return
	}
	key := strings.TrimPrefix(r.URL.Path, "/bucket/")
	switch content, there := s.objects[key]; {
	case r.Method == "PUT":
		s.objects[key] = body
	case r.Method == "DELETE":
		delete(s.objects, key)
		w.WriteHeader(http.StatusNoContent)
	case key == "":
		s.list(w, r)
	case there:
		_, _ = w.Write(content)
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "<Error><Code>NoSuchKey</Code></Error>")
	}
}

func (s *store) list(w http.ResponseWriter, r *http.Request) {
	type object struct {
		Key  string
		Size int
	}
	var answer struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		Contents              []object
		IsTruncated           bool
		NextContinuationToken string
	}
	var keys []string
	for key := range s.objects {
		if strings.HasPrefix(key, r.FormValue("prefix")) && key > r.FormValue("continuation-token") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	if answer.IsTruncated = len(keys) > 2; answer.IsTruncated {
		keys = keys[:2]
		answer.NextContinuationToken = keys[1]
	}
	for _, key := range keys {
		answer.Contents = append(answer.Contents, object{key, len(s.objects[key])})
	}
	_ = xml.NewEncoder(w).Encode(answer)
}

func TestABucketKeepsBackups(t *testing.T) {
	t.Parallel()
	kept := &store{objects: map[string][]byte{"other/signet-20260102T030405.000Z.backup": nil, "deep/er/note.txt": nil}}
	server := httptest.NewServer(kept)
	t.Cleanup(server.Close)
	o := BucketOptions{Endpoint: server.URL, Region: "here", Bucket: "bucket", Prefix: "deep/er", AccessKey: exampleKey,
		SecretKey: exampleSecret}
	b, err := NewBucket(o)
	if err != nil {
		t.Fatal(err)
	}
	kept.verify = b
	from := filepath.Join(t.TempDir(), "from")
	if err := os.WriteFile(from, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range 5 {
		if err := b.Put(t.Context(), Name(start.Add(time.Duration(i)*time.Hour)), from); err != nil {
			t.Fatal(err)
		}
	}
	if gone, err := Trim(t.Context(), b, 3); err != nil || len(gone) != 2 {
		t.Errorf("went %v, %v", gone, err)
	}
	list, err := b.List(t.Context())
	if err != nil || len(list) != 3 || list[0].Size != 7 || !list[2].CreatedAt.Equal(start.Add(4*time.Hour)) {
		t.Fatalf("got %v, %v", list, err)
	}
	to := filepath.Join(t.TempDir(), "to")
	if err := b.Get(t.Context(), list[2].Name, to); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(to); err != nil || string(text) != "content" {
		t.Errorf("got %q, %v", text, err)
	}
	if err := b.Get(t.Context(), Name(start), to+"2"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("one that went: %v", err)
	}
	if err := b.Delete(t.Context(), "note.txt"); err == nil {
		t.Error("deleted what is no backup")
	}
	o.SecretKey = "another"
	stranger, err := NewBucket(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.Put(t.Context(), Name(start), from); err == nil || !strings.Contains(err.Error(), "SignatureDoesNotMatch") ||
		strings.Contains(err.Error(), "another") || kept.refused != 1 {
		t.Errorf("with another key: %v", err)
	}
}

func TestABucketIsReachedByHTTPS(t *testing.T) {
	t.Parallel()
	o := BucketOptions{Region: "r", Bucket: "b", AccessKey: "a", SecretKey: "s"}
	for endpoint, good := range map[string]bool{
		"https://s3.example.com": true, "http://127.0.0.1:9000": true, "http://localhost:9000": true, "http://s3.example.com": false,
		"s3.example.com": false, "https://u:p@s3.example.com": false, "https://s3.example.com/path": false, "": false,
	} {
		o.Endpoint = endpoint
		if _, err := NewBucket(o); (err == nil) != good {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	o.Endpoint, o.CA = "https://s3.example.com", []byte("none")
	if _, err := NewBucket(o); err == nil {
		t.Error("took authorities that are none")
	}
}

// TestAStoreThatHangsUpIsAskedWhy: one that refuses need not read what it is sent, and then its answer is lost on the way.
func TestAStoreThatHangsUpIsAskedWhy(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
			return
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "<Error><Code>SignatureDoesNotMatch</Code><Message>no</Message></Error>")
	}))
	t.Cleanup(server.Close)
	b, err := NewBucket(BucketOptions{Endpoint: server.URL, Region: "here", Bucket: "bucket", AccessKey: "a", SecretKey: "b"})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(file, make([]byte, 32<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.Put(t.Context(), Name(time.Now()), file); err == nil || !strings.Contains(err.Error(), "SignatureDoesNotMatch") {
		t.Errorf("got %v", err)
	}
}

// TestWhatAStoreRefusesIsSaidWithARemedy: the codes are Amazon's, which other stores send, too.
func TestWhatAStoreRefusesIsSaidWithARemedy(t *testing.T) {
	t.Parallel()
	for code, remedy := range map[string]string{
		"RequestTimeTooSkewed": "clock", "AuthorizationHeaderMalformed": "backup.s3.region", "SignatureDoesNotMatch": "backup.s3.secret_key",
		"InvalidAccessKeyId": "backup.s3.access_key", "NoSuchBucket": "make the bucket", "AccessDenied": "read, write and delete",
		"PermanentRedirect": "backup.s3.endpoint",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>No.</Message></Error>")
		}))
		b, err := NewBucket(BucketOptions{Endpoint: server.URL, Region: "eu", Bucket: "b", AccessKey: exampleKey, SecretKey: exampleSecret})
		if err == nil {
			_, err = b.ask(t.Context(), http.MethodGet, "x", nil, nil, 0, emptyHash)
		}
		if err == nil || !strings.Contains(err.Error(), code) || !strings.Contains(err.Error(), remedy) {
			t.Errorf("%s: %v, want %q", code, err, remedy)
		}
		server.Close()
	}
}
