package foreign_test

import (
	"errors"
	"strings"
	"testing"

	"signet/users/password/foreign"
)

// secret is the password of all vectors but those that name their own.
const secret = "correct horse Zürich"

// vectors were made by passlib 1.7.4, Django 5.2 and Python's hashlib.
var vectors = []struct{ name, form string }{
	{"bcrypt_2b", `$2b$04$9XQ34PwtNZsPzFjwcJBsf.78aGMFb.sHwznlnclSmQv.rc1cPqzeG`},
	{"bcrypt_2y", `$2y$04$9XQ34PwtNZsPzFjwcJBsf.78aGMFb.sHwznlnclSmQv.rc1cPqzeG`},
	{"bcrypt_2a", `$2a$04$PoGLbhs35Wn9//Ed./V1JOJ4.vbFwo64V3b.ZmwWvYtWQrPP7zJmG`},
	{"argon2id", `$argon2id$v=19$m=1024,t=2,p=2$Wqv1Pqe0VkqJsdY6R2itNQ$6pljyiCR6Osnf3TowSGzf90vkBkges6feL7QSd2uUxM`},
	{"argon2i", `$argon2i$v=19$m=512,t=3,p=1$Wcs5x3hPaa2VsvZeC4Gwtg$vREr8dGR0ztPJg1opqoZn0vnFmn4zaibki313MxpF30`},
	{"scrypt", `$scrypt$ln=8,r=8,p=1$Yuz9X0upNYbQmnPOmfNeqw$t6KiQST7EcSZmjKOES12dyEEsBkBmV9UDKSMj2ZiUF8`},
	{"pbkdf2_sha1", `$pbkdf2$100$tBaiNEYohZDy3rtXSkmJkQ$yuXAohWHnZNzrU7FnyXfhqH3w7s`},
	{"pbkdf2_sha256", `$pbkdf2-sha256$100$GSMEACDEGKM0JoTwnhMiBA$sX0TiOq4vA3CSGgBXX4yu7cR7jmU.wrlK2q9As4VhWQ`},
	{"pbkdf2_sha512",
		`$pbkdf2-sha512$100$vbc2ppQSAqAUonQuZSzFeA$d.6I1jqosTXcsAMbSnIDDfJb/hP7dTu4EFWbrYAa2IUnCHfm48Kg89rvcOn9Q/Xu.ziNXx3XeOVgNlchtFOuvA`},
	{"pbkdf2_phc", `$pbkdf2-sha512$i=100,l=64$AAECAwQFBgcICQoLDA0ODw$Q3w97NGcRJm+upWmCYy26EbjMmG8ItiNRqTPcZsy14pG4cYeH6XvsS0yr2+1zVDMY2tY1OdFt6IdnaNfx8o38g`},
	{"sha512crypt", `$6$Z8fZK4ySpBUGZ6dg$qTzqJ7iubF.du4FnZI8enT5gOIDbKThJ9sWO2pibvWhMDjomeTWVjuAqby21ZsKe4CXR3HaXsQom.B7wy5Iia.`},
	{"sha512crypt_rounds",
		`$6$rounds=1000$3DN9GhNGllPUgBQ0$hmIomsYGwSUebMla5CFhszU8r9EuTiGIbUN1raCOnwg5fGIUzcKK3ttjggHOpIn2MPd5RPcafZxKZjSMAjRli1`},
	{"sha256crypt", `$5$rounds=1000$ffTaScJXPGzUYoYG$T4aas91JVYy37vKgM.mZSkruCCYnmsVnp2yWa.qMG92`},
	{"md5crypt", `$1$/ykzhaec$j7dYqTuJ8BA9nYeDNXW06.`},
	{"ldap_crypt", `{CRYPT}$6$rounds=1000$3DN9GhNGllPUgBQ0$hmIomsYGwSUebMla5CFhszU8r9EuTiGIbUN1raCOnwg5fGIUzcKK3ttjggHOpIn2MPd5RPcafZxKZjSMAjRli1`},
	{"spring_bcrypt", `{bcrypt}$2a$04$PoGLbhs35Wn9//Ed./V1JOJ4.vbFwo64V3b.ZmwWvYtWQrPP7zJmG`},
	{"ssha", `{SSHA}ALlQ7ns6ZJvIQhZyD1wNkBy76v52bg1h`},
	{"ssha256", `{SSHA256}bZoAgZz7Uekn/NwcPOQO7TJvicQm6OCVWEOGhIFP0NKI0RrDuJfSug==`},
	{"ssha512", `{SSHA512}wv7T0UVWcp5fic7EAvucs/OZ1lgYRzJgR4ymPUwX1cT/Wq69GnUuWif9+Yp7v/4yCr35zc5ZzPsvCMlbrN+RpXIOAcBYi1EK`},
	{"smd5", `{SMD5}hEOo6nxFtbgaL9meCke5yilFSKk=`},
	{"django_pbkdf2_sha256", `pbkdf2_sha256$100$seasalt2026$Br1UhpL7dXmirEO7hDc5f1O+4AvF+ToYVTTNrv/IrdE=`},
	{"django_pbkdf2_sha1", `pbkdf2_sha1$100$seasalt2026$/WIiSNjLBi9XrubfgEOb4gOF+Tw=`},
	{"django_argon2", `argon2$argon2id$v=19$m=1024,t=2,p=2$c2Vhc2FsdDIwMjY$/MCcL6uCcVHWYPf3/SfW5PexM7MniYuHxKy+uNdwXE0`},
	{"django_bcrypt_sha256", `bcrypt_sha256$$2b$04$huoGDBf1fGo9PozpeWk/jeusdaU9jTM0CBluAnwMj1yhOtlC8GYrS`},
	{"django_bcrypt", `bcrypt$$2b$04$.SQmeQ7ctdpSmZc4.gPQIekGkW4s2UDzwVGq0oV6EtnOhNPypBY62`},
	{"django_scrypt", `scrypt$256$seasalt2026$8$5$76ZkUfmdlsrM9/4J/N6J9t5kXTwXcBuvt32qMAz42CsjPmCmXL4m6itdoLLMzltpXBIrdoICGTHeLUeW2G8FFw==`},
	{"django_md5", `md5$seasalt2026$3fda05e9ff5b6dc8dd183b5c6049e851`},
	{"django_sha1", `sha1$seasalt2026$eee4d1c0379bb67b852506131e4b82035ee8c23a`},
	{"keycloak_pbkdf2",
		`{"credentialData": "{\"hashIterations\": 100, \"algorithm\": \"pbkdf2\", \"additionalParameters\": {}}", "secretData": "{\"value\": \"kAWRIqhztWb5bGwCVoixiCdo81ZlHHn4eW1hSLy/jlzKkU9TzqBndxUuPW8hLM5tkFDyNixavWtcyhZybkUofA==\", \"salt\": \"AAECAwQFBgcICQoLDA0ODw==\", \"additionalParameters\": {}}"}`},
	{"keycloak_pbkdf2-sha256",
		`{"credentialData": "{\"hashIterations\": 100, \"algorithm\": \"pbkdf2-sha256\", \"additionalParameters\": {}}", "secretData": "{\"value\": \"JsSczhSqmojwvpGlLtOWVp+ndD+0hcjWMGXZqy+aRR69WdbTZK8eQ6HSUtF4egjD2+Ga1bOQpE4aWYZjQBLF0A==\", \"salt\": \"AAECAwQFBgcICQoLDA0ODw==\", \"additionalParameters\": {}}"}`},
	{"keycloak_pbkdf2-sha512",
		`{"credentialData": "{\"hashIterations\": 100, \"algorithm\": \"pbkdf2-sha512\", \"additionalParameters\": {}}", "secretData": "{\"value\": \"Q3w97NGcRJm+upWmCYy26EbjMmG8ItiNRqTPcZsy14pG4cYeH6XvsS0yr2+1zVDMY2tY1OdFt6IdnaNfx8o38g==\", \"salt\": \"AAECAwQFBgcICQoLDA0ODw==\", \"additionalParameters\": {}}"}`},
	{"keycloak_argon2",
		`{"credentialData": "{\"hashIterations\": 2, \"algorithm\": \"argon2\", \"additionalParameters\": {\"hashLength\": [\"32\"], \"memory\": [\"1024\"], \"type\": [\"id\"], \"version\": [\"1.3\"], \"parallelism\": [\"1\"]}}", "secretData": "{\"value\": \"JxCGCf7juSTdTv08wyEQZ2/NtYUGiTdKUOgwahJc5cA=\", \"salt\": \"AAECAwQFBgcICQoLDA0ODw==\"}"}`},
}

func TestE04_ForeignHashesVerify(t *testing.T) {
	for _, tt := range vectors {
		t.Run(tt.name, func(t *testing.T) {
			h, err := foreign.Parse(tt.form)
			if err != nil {
				t.Fatal(err)
			}
			if !h.Matches(secret) {
				t.Error("the right password does not match")
			}
			for _, wrong := range []string{"", "correct horse Zurich", secret + " ", secret + "\x00"} {
				if h.Matches(wrong) {
					t.Errorf("%q matches", wrong)
				}
			}
		})
	}
}

// Vectors from the formats' own documentation: github.com/firebase/scrypt, Drepper's SHA-crypt.txt, RFC 7914 section 12.
func TestE04_PublishedVectors(t *testing.T) {
	for _, tt := range []struct{ name, password, form string }{
		{"firebase", "user1password",
			`{"hash":"lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==","salt":"42xEC+ixf3L2lw==","signer_key":"jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==","salt_separator":"Bw==","rounds":8,"mem_cost":14}`},
		{"sha512crypt", "Hello world!", "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"},
		{"sha512crypt_rounds", "Hello world!",
			"$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v."},
		{"sha256crypt", "Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"},
		{"scrypt_rfc7914", "pleaseletmein",
			"$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, err := foreign.Parse(tt.form)
			if err != nil {
				t.Fatal(err)
			}
			if !h.Matches(tt.password) || h.Matches(tt.password+"x") {
				t.Error("the right one does not match, or a wrong one does")
			}
		})
	}
}

func TestE04_ChangedHashesDoNotMatch(t *testing.T) {
	for _, tt := range vectors {
		at := len(tt.form) - 12 // inside the digest; in Keycloak's JSON, inside the salt or the names
		changed := tt.form[:at] + map[bool]string{true: "B", false: "A"}[tt.form[at] == 'A'] + tt.form[at+1:]
		if h, err := foreign.Parse(changed); err == nil && h.Matches(secret) && !strings.HasPrefix(tt.form, "{\"") {
			t.Errorf("%s: matches after a change", tt.name)
		}
	}
}

func TestE04_CostsAreBounded(t *testing.T) { // an imported hash must not stop the server
	salt, hash := strings.Repeat("A", 22), strings.Repeat("A", 43)
	for _, form := range []string{
		"$2b$16$" + strings.Repeat("a", 53), "$2b$31$" + strings.Repeat("a", 53), "$2b$10$short",
		"$argon2id$v=19$m=262145,t=1,p=1$" + salt + "$" + hash, "$argon2id$v=19$m=65536,t=17,p=1$" + salt + "$" + hash,
		"$argon2id$v=19$m=4294967296,t=1,p=1$" + salt + "$" + hash, "$argon2id$v=19$m=64,t=1,p=17$" + salt + "$" + hash,
		"$argon2id$v=19$m=64,t=0,p=1$" + salt + "$" + hash, "$argon2id$v=16$m=64,t=1,p=1$" + salt + "$" + hash,
		"$argon2d$v=19$m=64,t=1,p=1$" + salt + "$" + hash, "$argon2id$v=19$m=64,t=1,p=1,x=1$" + salt + "$" + hash,
		"$argon2id$v=19$m=64,m=64,p=1$" + salt + "$" + hash, "$argon2id$v=19$m=+64,t=1,p=1$" + salt + "$" + hash,
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + strings.Repeat("A", 4000), "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$AAAA",
		"$scrypt$ln=19,r=8,p=1$" + salt + "$" + hash, "$scrypt$ln=30,r=64,p=16$" + salt + "$" + hash,
		"$scrypt$ln=99,r=8,p=1$" + salt + "$" + hash,
		"$scrypt$ln=14,r=8,p=0$" + salt + "$" + hash, "scrypt$16383$salt$8$1$" + hash,
		"$pbkdf2-sha256$5000001$" + salt + "$" + hash, "$pbkdf2-sha256$-1$" + salt + "$" + hash, "$pbkdf2-sha256$i=1,x=2$" + salt + "$" + hash,
		"$pbkdf2-sha256$99999999999999999999$" + salt + "$" + hash, "$pbkdf2-md5$1000$" + salt + "$" + hash,
		"$6$rounds=1000001$salt$" + strings.Repeat("a", 86), "$6$rounds=1$salt$" + strings.Repeat("a", 86), "$6$salt$short",
		"$6$seventeencharsalt$" + strings.Repeat("a", 86), "$1$ninechars$" + strings.Repeat("a", 22),
		"{SSHA}", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "{MD5}AAAA", "{}", "{",
		"md5$$" + strings.Repeat("a", 32), "sha1$salt$abc", "unsalted", "", "$", "$$", "plain text password",
		`{"hash":"AAAA"}`, `{"nothing":1}`, `{"hash":"","rounds":8,"mem_cost":63}`, `{"credentialData":"{}","secretData":"{}"}`,
		`{"credentialData":"{\"hashIterations\":5000001,\"algorithm\":\"pbkdf2-sha256\"}","secretData":"{\"value\":\"` + hash +
			`\",\"salt\":\"AAAA\"}"}`,
		strings.Repeat("$", 5000),
	} {
		if _, err := foreign.Parse(form); !errors.Is(err, foreign.ErrForm) {
			t.Errorf("%.60s: got %v, want ErrForm", form, err)
		}
	}
}

func TestE04_MemoryIsToldToRunAlone(t *testing.T) {
	for _, tt := range vectors {
		h, err := foreign.Parse(tt.form)
		if want := strings.Contains(tt.form, "argon2") || strings.Contains(tt.form, "scrypt$"); err != nil ||
			h.Heavy != want && !strings.Contains(tt.name, "bcrypt") {
			t.Errorf("%s: heavy %v, %v", tt.name, h.Heavy, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, tt := range vectors {
		f.Add(tt.form)
	}
	f.Fuzz(func(t *testing.T, form string) {
		h, err := foreign.Parse(form)
		if (h == nil) != (err != nil) || err != nil && !errors.Is(err, foreign.ErrForm) {
			t.Errorf("got %v, %v", h, err)
		}
	})
}
