package backup

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"signet/internal/owner"
)

// Bucket keeps backups in a store that speaks the S3 protocol, Amazon's or another's. Begin with NewBucket.
type Bucket struct {
	o         BucketOptions
	endpoint  *url.URL
	transport http.RoundTripper
	largest   int64 // maxObject
}

// BucketOptions of NewBucket.
type BucketOptions struct {
	Endpoint  string // like https://s3.eu-central-1.amazonaws.com
	Region    string
	Bucket    string
	Prefix    string // in front of every name, without slashes around it
	AccessKey string
	SecretKey string
	CA        []byte // PEM; nil = the system's authorities
	// Hosts puts the bucket's name in front of the endpoint's host, and not into the path.
	Hosts bool
}

const (
	maxObject = 5 << 30 // bytes that one request may carry
	maxPages  = 1000    // of a list, with a thousand names each
)

// NewBucket checks the options.
func NewBucket(o BucketOptions) (*Bucket, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Path != "" && u.Path != "/" || u.User != nil || u.RawQuery != "" {
		return nil, errors.New("the endpoint is not an address like https://s3.example.com")
	}
	ip := net.ParseIP(u.Hostname())
	if inner := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback(); u.Scheme != "https" && (u.Scheme != "http" || !inner) {
		return nil, errors.New("the endpoint must be https: the name of its key would travel in the clear")
	}
	if o.Bucket == "" || o.Region == "" || o.AccessKey == "" || o.SecretKey == "" {
		return nil, errors.New("bucket, region, access key and secret key are needed")
	}
	roots := (*x509.CertPool)(nil)
	if o.CA != nil {
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(o.CA) {
			return nil, errors.New("the file of authorities has no certificate in PEM")
		}
	}
	if o.Hosts {
		u.Host = o.Bucket + "." + u.Host
	}
	return &Bucket{o: o, endpoint: u, largest: maxObject, transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 2 * time.Minute, DisableCompression: true, DisableKeepAlives: true,
	}}, nil
}

// emptyHash is the SHA-256 of nothing.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// ask sends one signed request and returns the answer if it is of the 200s; the caller closes its body.
func (b *Bucket) ask(ctx context.Context, method, key string, query url.Values, body io.Reader, size int64, hash string) (*http.Response,
	error) {
	u := *b.endpoint
	name := "/" + key
	if !b.o.Hosts {
		name = "/" + b.o.Bucket + name
	}
	u.Path, u.RawPath, u.RawQuery = name, escape(name, true), canonicalQuery(query)
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = size
	if size == 0 {
		req.Body = http.NoBody
	}
	b.sign(req, hash, time.Now())
	res, err := b.transport.RoundTrip(req) // follows no redirect: the signature is for this host
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w (look at backup.s3.endpoint, and whether it can be reached from here)", method, b.endpoint.Host,
			&unanswered{err})
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	defer res.Body.Close()
	var said struct {
		Code    string `xml:"Code"`
		Message string `xml:"Message"`
	}
	text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	_ = xml.Unmarshal(text, &said) // what is not XML says nothing
	err = fmt.Errorf("%s %s: status %d %s: %.200s%s", method, b.endpoint.Host, res.StatusCode, said.Code, said.Message, remedies[said.Code])
	if res.StatusCode == http.StatusNotFound && said.Code != "NoSuchBucket" {
		err = fmt.Errorf("%w: %w", os.ErrNotExist, err)
	}
	return nil, err
}

// remedies for what a store refuses, by its code (the S3 API's list of error responses).
var remedies = map[string]string{
	"RequestTimeTooSkewed":         " (synchronise the clock of this machine, NTP)",
	"AuthorizationHeaderMalformed": " (look at backup.s3.region)",
	"PermanentRedirect":            " (look at backup.s3.region and backup.s3.endpoint)",
	"SignatureDoesNotMatch":        " (look at backup.s3.secret_key)",
	"InvalidAccessKeyId":           " (look at backup.s3.access_key)",
	"NoSuchBucket":                 " (make the bucket that backup.to names, or name another)",
	"AccessDenied": " (let backup.s3.access_key list the bucket that backup.to names, and read, write and delete in it; or the bucket is " +
		"another's)",
}

// unanswered is what became of a request that got no answer.
type unanswered struct{ error }

// Unwrap returns why.
func (u *unanswered) Unwrap() error { return u.error }

// hungUp says whether the store took a request and then broke off. What the transport says of it depends on where it was met: a pipe
// that is broken, a reset, an end, or a connection that its own reader had closed already.
func hungUp(ctx context.Context, err error) bool {
	_, none := errors.AsType[*unanswered](err)
	at, of := errors.AsType[*net.OpError](err)
	return none && ctx.Err() == nil && (!of || at.Op != "dial")
}

const (
	amzDate = "20060102T150405Z"
	amzDay  = "20060102"
)

// sign is AWS Signature Version 4 with the hash of the content.
func (b *Bucket) sign(req *http.Request, hash string, now time.Time) {
	now = now.UTC()
	req.Header.Set("X-Amz-Date", now.Format(amzDate))
	req.Header.Set("X-Amz-Content-Sha256", hash)
	names := []string{"host"}
	values := map[string]string{"host": req.URL.Host}
	for name := range req.Header {
		lower := strings.ToLower(name)
		names = append(names, lower)
		values[lower] = strings.Join(strings.Fields(req.Header.Get(name)), " ")
	}
	slices.Sort(names)
	var lines strings.Builder
	for _, name := range names {
		lines.WriteString(name + ":" + values[name] + "\n")
	}
	signed := strings.Join(names, ";")
	canonical := strings.Join([]string{req.Method, req.URL.EscapedPath(), req.URL.RawQuery, lines.String(), signed, hash}, "\n")
	scope := now.Format(amzDay) + "/" + b.o.Region + "/s3/aws4_request"
	sum := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{"AWS4-HMAC-SHA256", now.Format(amzDate), scope, hex.EncodeToString(sum[:])}, "\n")
	key := []byte("AWS4" + b.o.SecretKey)
	for _, part := range []string{now.Format(amzDay), b.o.Region, "s3", "aws4_request", text} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+b.o.AccessKey+"/"+scope+",SignedHeaders="+signed+",Signature="+
		hex.EncodeToString(key))
}

// escape writes a text as the protocol wants it: all but unreserved characters as %XX, slashes stay in a path.
func escape(text string, slashes bool) string {
	var out strings.Builder
	for i := range len(text) {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0, c == '/' && slashes:
			out.WriteByte(c)
		default:
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}

func canonicalQuery(q url.Values) string {
	var names, parts []string
	for name := range q {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		parts = append(parts, escape(name, false)+"="+escape(q.Get(name), false))
	}
	return strings.Join(parts, "&")
}

func (b *Bucket) key(name string) string { return path.Join(b.o.Prefix, name) }

// Put implements Store.
func (b *Bucket) Put(ctx context.Context, name, file string) error {
	p, err := describe(file)
	if err != nil {
		return err
	}
	if p.Size > maxObject {
		return fmt.Errorf("%s is of %d bytes, and one request carries %d: keep backups in a folder", name, p.Size, int64(maxObject))
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	res, err := b.ask(ctx, http.MethodPut, b.key(name), nil, f, p.Size, p.SHA256)
	if hungUp(ctx, err) { // a store that refuses may hang up before it has read all
		if _, why := b.List(ctx); why != nil {
			err = fmt.Errorf("%w; what it says to a small request: %w", err, why)
		}
	}
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// Get implements Store.
func (b *Bucket) Get(ctx context.Context, name, file string) (err error) {
	res, err := b.ask(ctx, http.MethodGet, b.key(name), nil, nil, 0, emptyHash)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	f, err := owner.Open(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(res.Body, b.largest+1)) // whatever it says, and however long it goes on
	if err == nil && n > b.largest {
		err = fmt.Errorf("%s is of more than %d bytes, and none was kept so", name, b.largest)
	}
	if err == nil && res.ContentLength >= 0 && n != res.ContentLength {
		err = io.ErrUnexpectedEOF
	}
	return errors.Join(err, f.Close())
}

// List implements Store.
func (b *Bucket) List(ctx context.Context) (list []Entry, err error) {
	prefix := ""
	if b.o.Prefix != "" {
		prefix = b.o.Prefix + "/"
	}
	for more, pages := "", 0; pages < maxPages; pages++ {
		query := url.Values{"list-type": {"2"}, "prefix": {prefix}, "delimiter": {"/"}}
		if more != "" {
			query.Set("continuation-token", more)
		}
		res, err := b.ask(ctx, http.MethodGet, "", query, nil, 0, emptyHash)
		if err != nil {
			return nil, err
		}
		var page struct {
			Contents []struct {
				Key  string `xml:"Key"`
				Size int64  `xml:"Size"`
			} `xml:"Contents"`
			Truncated bool   `xml:"IsTruncated"`
			Next      string `xml:"NextContinuationToken"`
		}
		err = errors.Join(xml.NewDecoder(io.LimitReader(res.Body, 16<<20)).Decode(&page), res.Body.Close())
		if err != nil {
			return nil, fmt.Errorf("list the bucket: %w", err)
		}
		for _, c := range page.Contents {
			name := strings.TrimPrefix(c.Key, prefix)
			if at, ours := nameAt(name); ours {
				list = append(list, Entry{name, at, c.Size})
			}
		}
		if !page.Truncated || page.Next == "" || page.Next == more {
			return sorted(list), nil
		}
		more = page.Next
	}
	return nil, fmt.Errorf("the bucket lists more than %d pages", maxPages)
}

// Delete implements Store.
func (b *Bucket) Delete(ctx context.Context, name string) error {
	if _, ours := nameAt(name); !ours {
		return fmt.Errorf("%q is no backup", name)
	}
	res, err := b.ask(ctx, http.MethodDelete, b.key(name), nil, nil, 0, emptyHash)
	if err != nil {
		return err
	}
	return res.Body.Close()
}
