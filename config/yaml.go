package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"signet/internal/yamlslip"
)

// parseFile reads one YAML document into the tree. It walks the document itself instead of decoding it, to name every
// unknown, repeated and ill-typed key with its line, and to note which keys were set.
func parseFile(name string, data []byte, c *Config) []error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil // empty, or comments only
		}
		return []error{&FileError{fmt.Errorf("%s: %w; nothing else of the file was looked at", name, yamlslip.Explain(data))}}
	}
	w := walker{file: name, origins: c.origins}
	w.section(doc.Content[0], reflect.ValueOf(c).Elem(), "")
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		w.errs = append(w.errs, fmt.Errorf("%s: must hold one YAML document; remove the second (after ---)", name))
	}
	return w.errs
}

// ReadScopes reads a resource's scopes as they are written in the configuration, out of a file of their own: a list of names, and of
// entries with name, title, description, required and sensitive. name is the file's, for errors, which join every mistake found.
func ReadScopes(name string, data []byte) ([]ResourceScope, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", name, yamlslip.Explain(data))
	}
	if len(doc.Content) == 0 {
		return nil, fmt.Errorf("%s: is empty; write a list of scopes", name)
	}
	var scopes []ResourceScope
	w := walker{file: name, origins: map[string]string{}}
	w.value(doc.Content[0], reflect.ValueOf(&scopes).Elem(), "scopes")
	return scopes, errors.Join(w.errs...)
}

// ReadDetailsTypes reads a resource's types of authorization details out of a file of their own, as ReadScopes does its scopes.
func ReadDetailsTypes(name string, data []byte) ([]DetailsType, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", name, yamlslip.Explain(data))
	}
	if len(doc.Content) == 0 {
		return nil, fmt.Errorf("%s: is empty; write a list of types", name)
	}
	var types []DetailsType
	w := walker{file: name, origins: map[string]string{}}
	w.value(doc.Content[0], reflect.ValueOf(&types).Elem(), "authorization_details")
	return types, errors.Join(w.errs...)
}

// errTwice: one value of a key was taken all the same.
var errTwice = errors.New("is there twice; remove one")

// curly finds what a word processor quoted.
var curly = regexp.MustCompile(`^[“”„‘’‚].*[“”‘’]$`)

type walker struct {
	file    string
	origins map[string]string
	errs    []error
}

func (w *walker) complain(n *yaml.Node, key, format string, args ...any) {
	w.errs = append(w.errs, fmt.Errorf("%s: %w (%s line %d)", key, fmt.Errorf(format, args...), w.file, n.Line))
}

// section fills a struct from a mapping; an empty one (all its keys commented out) changes nothing.
func (w *walker) section(n *yaml.Node, v reflect.Value, prefix string) {
	n = target(n)
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		w.complain(n, label(prefix), "must hold keys and values, like `listen: 127.0.0.1:9400` (a space after the colon, no dash before the key)")
		return
	}
	fields := map[string]reflect.Value{}
	var names []string
	for i := range v.NumField() {
		if tag := v.Type().Field(i).Tag.Get("yaml"); tag != "" && tag != "-" {
			fields[tag] = v.Field(i)
			names = append(names, tag)
		}
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, val := n.Content[i], n.Content[i+1]
		key := prefix + k.Value
		field, ok := fields[k.Value]
		switch {
		case k.Kind != yaml.ScalarNode:
			w.complain(k, label(prefix), "has a key that is not a plain text")
		case !ok:
			w.unknown(k, key, names)
		case seen[k.Value]:
			w.complain(k, key, "%w", errTwice)
		default:
			seen[k.Value] = true
			w.value(val, field, key)
		}
	}
}

func (w *walker) unknown(k *yaml.Node, key string, names []string) {
	if name, _, glued := strings.Cut(k.Value, ":"); glued { // what follows may be a secret
		w.complain(k, strings.TrimSuffix(key, k.Value)+name, "wants a space after the colon")
		return
	}
	if guess := near(k.Value, names); guess != "" {
		w.complain(k, key, "is not a key; did you mean %s?", guess)
		return
	}
	if strings.ContainsFunc(k.Value, func(r rune) bool { return r > unicode.MaxASCII }) {
		w.complain(k, strconv.QuoteToASCII(key), "has a character that is no ASCII, as word processors put it (a space that does not break, a "+
			"curly quote): type the line anew")
		return
	}
	w.complain(k, key, "is not a key; config.yaml of the source lists them all")
}

func (w *walker) value(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind == yaml.ScalarNode && (n.Style&yaml.TaggedStyle != 0 && !strings.HasPrefix(n.Tag, "!!") || n.Anchor != "" && isNull(n)) {
		w.complain(n, key, "has a value that begins with & or !, which means something to YAML: put the value in single quotes")
		return
	}
	n = target(n)
	switch {
	case n.Kind == yaml.ScalarNode && !isNull(n) && shorthand(n, v):
	case branch(v.Type()):
		w.section(n, v, key+".")
		return
	case isNull(n):
		return
	case v.Kind() == reflect.Interface:
		w.free(n, v, key)
	case v.Kind() == reflect.Slice:
		w.list(n, v, key)
	case v.Kind() == reflect.Map:
		w.texts(n, v, key)
	case n.Kind != yaml.ScalarNode:
		w.complain(n, key, "must be one value, not a list or section")
		return
	case n.Style == 0 && v.Type() == reflect.TypeFor[Secret]() && curly.MatchString(n.Value):
		w.complain(n, key, "is within curly quotes, which would be part of it: write straight ones")
		return
	default:
		if err := setText(v, n.Value); err != nil {
			w.complain(n, key, "%w", err)
			return
		}
	}
	w.origins[key] = fmt.Sprintf("file %s line %d", w.file, n.Line)
}

// shorthand takes a text for an entry of which it is the name, and for a text that is the same in every language.
func shorthand(n *yaml.Node, v reflect.Value) bool {
	switch to := v.Addr().Interface().(type) {
	case *ResourceScope:
		to.Name = n.Value
	case *DetailsValue:
		to.Value = n.Value
	case *Text:
		*to = Text{"": n.Value}
	default:
		return false
	}
	return true
}

// free takes what another package will judge (a JWKS).
func (w *walker) free(n *yaml.Node, v reflect.Value, key string) {
	var any map[string]any
	if err := n.Decode(&any); err != nil {
		w.complain(n, key, "must be an object like {keys: […]}: %w", err)
		return
	}
	v.Set(reflect.ValueOf(any))
}

// texts takes a mapping of texts to texts.
func (w *walker) texts(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.MappingNode {
		w.complain(n, key, "must hold names and texts, like {ours: theirs}")
		return
	}
	texts := map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, val := n.Content[i], target(n.Content[i+1])
		_, twice := texts[k.Value]
		switch {
		case k.Kind != yaml.ScalarNode || val.Kind != yaml.ScalarNode:
			w.complain(k, key+"."+k.Value, "must be one text")
		case twice:
			w.complain(k, key+"."+k.Value, "%w", errTwice)
		default:
			texts[k.Value] = val.Value
		}
	}
	v.Set(reflect.ValueOf(texts))
}

func (w *walker) list(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.SequenceNode {
		w.complain(n, key, "must be a list, like [a, b]")
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		itemKey := fmt.Sprintf("%s[%d]", key, i)
		if item = target(item); isNull(item) {
			w.complain(item, itemKey, "is empty; fill it or remove it")
			continue
		}
		if named := itemName(item); named != "" {
			itemKey = key + "[" + named + "]"
		}
		w.value(item, list.Index(i), itemKey)
	}
	v.Set(list)
}

// itemName is what people call a list's entry by: its id, client_id, identifier or name.
func itemName(n *yaml.Node) string {
	if n.Kind != yaml.MappingNode {
		return ""
	}
	for _, name := range []string{"id", "client_id", "identifier", "name"} {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == name {
				return n.Content[i+1].Value
			}
		}
	}
	return ""
}

func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func label(prefix string) string {
	if prefix == "" {
		return "the file"
	}
	return prefix[:len(prefix)-1]
}
