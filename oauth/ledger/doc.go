// Package ledger is fosite's storage over our rows: a grant is one row, tokens are not stored.
//
// fosite asks storage five questions and gives it five orders for one code exchange. Here the questions are answered from
// one joined read, kept in the Request that travels in the request's context, and the orders are only noted. When everything
// is signed, Settle does the one conditional statement that they come to; whoever loses its race forgets what was signed
// and decides again. So nothing is written in part, nothing is signed under a lock, and a token that cannot be signed costs no
// code (decision 0002).
//
// The ledger decides what a row says about a code or a refresh token: Decide is the only place that knows when a refresh
// token is good, repeated or reused. It does not know whether the person behind the row is still welcome: package grants'
// guard does. It answers to RFC 6749 sections 4.1.2 and 6, RFC 7636 section 4.6 and RFC 9700 sections 4.5 and 4.14.
//
// Begin reading with Request, then Decide, then Settle.
package ledger
