// Package foreign verifies password hashes that other products made, so that people who are brought along need no new
// password: bcrypt, argon2, scrypt (also Firebase's), PBKDF2, salted SHA and MD5, crypt(3), and the forms in which Django and
// Keycloak write them.
//
// Parse reads one strictly and bounds its cost: a hash somebody brings along must not become a way to stop the server. What it
// returns is compared in constant time. It makes no hashes: after the first right password package password keeps its own form.
package foreign
