package web_test

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"signet/oauth/mtls"
	"signet/oauth/mtls/mtlstest"
)

func base64DER(p mtlstest.Pair) string { return base64.StdEncoding.EncodeToString(p.Raw) }

func escaped(p mtlstest.Pair) string { return url.PathEscape(string(p.PEM())) }

func thumbprint(c tls.Certificate) string {
	return (&mtls.Certificate{Leaf: c.Leaf}).Thumbprint()
}

// replaced puts a value for each name, which must be there.
func replaced(text string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			panic(fmt.Sprintf("the sample has no %q", pairs[i]))
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

func nginx(p *proxy) string {
	listen := fmt.Sprintf("listen 127.0.0.1:%s ssl;", p.port)
	certs := fmt.Sprintf("ssl_certificate %s; ssl_certificate_key %s;", p.cert, p.key)
	user := ""
	if os.Getuid() == 0 {
		user = "user root;"
	}
	app := replaced(p.app[0], "listen 443 ssl;", listen+" "+certs)
	return fmt.Sprintf(`daemon off; %s pid nginx.pid; error_log stderr; worker_processes 1;
events {}
http {
    access_log off;
    client_body_temp_path %[2]s/body; proxy_temp_path %[2]s/proxy; fastcgi_temp_path %[2]s/fastcgi;
    uwsgi_temp_path %[2]s/uwsgi; scgi_temp_path %[2]s/scgi;
    server {
        %s server_name id.example.com; %s large_client_header_buffers 4 16k;
        %s
    }
    %s
}
`, user, p.dir, listen, certs, replaced(p.plain[0], `proxy_set_header Connection "";`,
		`proxy_set_header Connection ""; proxy_set_header X-SSL-Client-Cert "";`), app)
}

func caddy(p *proxy) string {
	keys := fmt.Sprintf("%s %s", p.cert, p.key)
	return fmt.Sprintf("{\n\tadmin off\n\tauto_https disable_redirects\n\tdefault_bind 127.0.0.1\n}\n%s\n%s",
		replaced(p.plain[0], "id.example.com {", fmt.Sprintf("id.example.com:%s {\n\ttls %s", p.port, keys),
			"reverse_proxy "+p.inner, "reverse_proxy "+p.inner+" {\n\theader_up -Client-Cert\n}"),
		replaced(p.app[0], "mtls.id.example.com {", fmt.Sprintf("mtls.id.example.com:%s {", p.port), "tls {", "tls "+keys+" {"))
}

func apache(p *proxy) string {
	const host = `<VirtualHost 127.0.0.1:%s>
    ServerName %s
    SSLEngine on
    SSLCertificateFile %s
    SSLCertificateKeyFile %s
%s
</VirtualHost>
`
	var modules strings.Builder
	for _, m := range []string{"mpm_event", "authz_core", "ssl", "proxy", "proxy_http", "headers", "setenvif"} {
		fmt.Fprintf(&modules, "LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n", m, m)
	}
	user := ""
	if os.Getuid() == 0 {
		user = "User www-data\nGroup www-data\n"
	}
	return modules.String() + user + fmt.Sprintf("ServerRoot %[1]s\nDefaultRuntimeDir %[1]s\nPidFile %[1]s/apache.pid\nErrorLog /dev/stderr\n"+
		"ServerName id.example.com\nListen 127.0.0.1:%[2]s\n", p.dir, p.port) +
		fmt.Sprintf(host, p.port, "id.example.com", p.cert, p.key, p.plain[0]+"RequestHeader unset X-SSL-Client-Cert\n") +
		fmt.Sprintf(host, p.port, "mtls.id.example.com", p.cert, p.key, p.plain[0]+p.app[0])
}

func haproxy(p *proxy) string {
	var pem []byte
	for _, file := range []string{p.cert, p.key} {
		text, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		pem = append(pem, text...)
	}
	if err := os.WriteFile(p.file("both.pem"), pem, 0o600); err != nil {
		panic(err)
	}
	return "defaults\n    mode http\n    timeout connect 5s\n    timeout client 60s\n    timeout server 60s\n" +
		replaced(p.plain[0], "bind :443 ", "bind 127.0.0.1:"+p.port+" ", "/etc/haproxy/id.pem", p.file("both.pem")) +
		replaced(p.app[0], ":9443", "127.0.0.1:"+p.apps, "/etc/haproxy/mtls.pem", p.file("both.pem"),
			"/etc/haproxy/apps-ca.pem", p.file("apps-ca.pem"))
}

// traefik reads a folder: the blocks, and which of them the second host takes.
func traefik(p *proxy) string {
	ours := fmt.Sprintf(`http:
  routers:
    apps: {rule: "Host(%s)", service: signet, middlewares: [certificate], tls: {options: mtls}}
tls:
  stores: {default: {defaultCertificate: {certFile: %q, keyFile: %q}}}
`, "`mtls.id.example.com`", p.cert, p.key)
	for name, text := range map[string]string{"plain.yml": replaced(p.plain[0], "tls: {certResolver: default}", "tls: {}"),
		"app.yml":  p.app[0],
		"ours.yml": ours} {
		if err := os.MkdirAll(p.file("dynamic"), 0o700); err != nil {
			panic(err)
		}
		if err := os.WriteFile(filepath.Join(p.file("dynamic"), name), []byte(text), 0o600); err != nil {
			panic(err)
		}
	}
	static := fmt.Sprintf(
		"log: {level: DEBUG}\nentryPoints: {websecure: {address: \"127.0.0.1:%s\"}}\nproviders: {file: {directory: %q}}\n", p.port,
		p.file("dynamic"))
	if err := os.WriteFile(p.file("config.yml"), []byte(static), 0o600); err != nil {
		panic(err)
	}
	return static
}

// envoy has a chain for each name, made of the blocks.
func envoy(p *proxy) string {
	const types = "type.googleapis.com/envoy.extensions."
	var page, apps, app map[string]any
	names := func(host string) string { return replaced(p.plain[0], "[id.example.com]", "["+host+"]") }
	for text, into := range map[string]*map[string]any{names("id.example.com"): &page, names("mtls.id.example.com"): &apps,
		replaced(p.app[0], "/etc/envoy/apps-ca.pem", p.file("apps-ca.pem")): &app} {
		if err := yaml.Unmarshal([]byte(text), into); err != nil {
			panic(err)
		}
	}
	type object = map[string]any
	type list = []any
	certificates := list{object{"certificate_chain": object{"filename": p.cert}, "private_key": object{"filename": p.key}}}
	shown := app["transport_socket"].(object)
	shown["typed_config"].(object)["common_tls_context"].(object)["tls_certificates"] = certificates
	delete(app, "transport_socket")
	maps.Copy(apps, app)
	chain := func(host string, socket, manager object) object {
		manager["@type"] = types + "filters.network.http_connection_manager.v3.HttpConnectionManager"
		return object{"filter_chain_match": object{"server_names": list{host}}, "transport_socket": socket,
			"filters": list{object{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}}}
	}
	address := func(hostPort string) object {
		host, port, _ := net.SplitHostPort(hostPort)
		n, _ := strconv.Atoi(port)
		return object{"socket_address": object{"address": host, "port_value": n}}
	}
	plain := object{"name": "envoy.transport_sockets.tls", "typed_config": object{
		"@type": types + "transport_sockets.tls.v3.DownstreamTlsContext", "common_tls_context": object{"tls_certificates": certificates}}}
	config, err := json.Marshal(object{"static_resources": object{
		"listeners": list{object{"address": address("127.0.0.1:" + p.port),
			"listener_filters": list{object{"name": "envoy.filters.listener.tls_inspector",
				"typed_config": object{"@type": types + "filters.listener.tls_inspector.v3.TlsInspector"}}},
			"filter_chains": list{chain("id.example.com", plain, page), chain("mtls.id.example.com", shown, apps)}}},
		"clusters": list{object{"name": "signet", "load_assignment": object{"cluster_name": "signet",
			"endpoints": list{object{"lb_endpoints": list{object{"endpoint": object{"address": address(p.inner)}}}}}}}},
	}})
	if err == nil {
		err = os.WriteFile(p.file("config.json"), config, 0o600)
	}
	if err != nil {
		panic(err)
	}
	return string(config)
}
