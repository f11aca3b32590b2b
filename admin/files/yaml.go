package files

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"signet/internal/yamlslip"
)

// FromYAML makes JSON of a YAML document of plain values: no anchors, aliases, merge keys or types of its own, so that it says what it
// seems to say, and is no longer than it looks.
func FromYAML(document string) ([]byte, error) {
	d := yaml.NewDecoder(strings.NewReader(document))
	var doc yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, errors.New("is empty")
	} else if err != nil {
		return nil, yamlslip.Explain([]byte(document))
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("must hold one YAML document; remove the second (after ---)")
	}
	value, err := plain(doc.Content[0], 0)
	if err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

const deepest = 100 // levels of a document

func plain(n *yaml.Node, depth int) (any, error) {
	wrong := func(text string) error { return fmt.Errorf("line %d: %s", n.Line, text) }
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return nil, wrong("anchors and aliases are not read: write the value, in quotes if it begins with & or *")
	}
	if n.Style&yaml.TaggedStyle != 0 {
		return nil, wrong("types are not said (!…): write the value, in quotes if it begins with !")
	}
	if depth > deepest {
		return nil, wrong("is too deep")
	}
	switch n.Kind {
	case yaml.SequenceNode:
		list := []any{}
		for _, one := range n.Content {
			value, err := plain(one, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	case yaml.MappingNode:
		fields := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode || key.Anchor != "" || key.Style&yaml.TaggedStyle != 0 || key.ShortTag() == "!!merge" {
				return nil, wrong("names of fields are plain text")
			}
			if _, there := fields[key.Value]; there {
				return nil, fmt.Errorf("line %d: %s: is there twice", key.Line, key.Value)
			}
			value, err := plain(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			fields[key.Value] = value
		}
		return fields, nil
	}
	switch tag := n.ShortTag(); tag {
	case "!!str":
		return n.Value, nil
	case "!!null":
		return nil, nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true"), nil
	case "!!int":
		if json.Valid([]byte(n.Value)) {
			return json.Number(n.Value), nil
		}
		return nil, wrong("write numbers in decimal digits")
	default:
		return nil, wrong("is a value of the type " + tag + ": put it in quotes")
	}
}
