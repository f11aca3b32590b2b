package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	// mostTogether is how many statements go down a pipeline at once.
	mostTogether = 32
	// crowded is how many statements wait before one more connection takes some of them.
	crowded = 4
	// patience is how long a round trip may take before nobody else waits for it.
	patience = 250 * time.Millisecond
)

// errAlone: what was sent together came to nothing, and is to be done alone.
var errAlone = errors.New("do it alone")

// What becomes of a statement.
const (
	callWaits int32 = iota
	callSent
	callAnswered
	callLeft // its caller did not wait for the answer
)

// sent is one statement that goes down a pipeline.
type sent struct {
	query string
	args  [][]byte
	began time.Time
	until time.Time // its caller has so long

	state  atomic.Int32
	ready  chan struct{} // closed once what follows is there
	err    error
	found  bool   // a row
	row    string // the first row: for each column its length, and as many bytes in Postgres's binary format
	fields []pgconn.FieldDescription
	rows   int64 // that were written
}

// answer gives the caller what came of the statement, unless it has gone.
func (s *sent) answer(fill func()) {
	if s.state.CompareAndSwap(callSent, callAnswered) {
		fill()
		close(s.ready)
	}
}

func (s *sent) fail(err error) { s.answer(func() { s.err = err }) }

// leave takes the caller away, and reports whether it went without an answer.
func (s *sent) leave(from ...int32) bool {
	for _, state := range from {
		if s.state.CompareAndSwap(state, callLeft) {
			return true
		}
	}
	return false
}

// pipeline sends the statements of many callers down one connection at once, for a round trip costs more than what it is made for
// (docs/decisions/0026). There is no goroutine behind it while nobody calls. What waits is sent as soon as a connection is there; the more
// callers there are, the more go together.
type pipeline struct {
	engine *postgresEngine
	writes bool // one transaction for all that go together: they share the commit
	most   int  // connections

	mu      sync.Mutex
	waiting []*sent
	running int // connections that take what waits
}

// do sends one statement and waits for what comes of it. errAlone: it has not been done.
func (p *pipeline) do(ctx context.Context, s *sent) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	s.began, s.ready = time.Now(), make(chan struct{})
	s.until, _ = ctx.Deadline()
	p.mu.Lock()
	p.waiting = append(p.waiting, s)
	p.more()
	p.mu.Unlock()
	select {
	case <-s.ready:
		return s.err
	case <-ctx.Done():
	}
	if s.leave(callWaits) || !p.writes && s.leave(callSent) {
		return ctx.Err()
	}
	lasting, cancel := detached(ctx) // what was begun is written: the caller learns of it while there is time
	defer cancel()
	select {
	case <-s.ready:
		return s.err
	case <-lasting.Done():
		if s.leave(callSent) {
			return lasting.Err()
		}
		<-s.ready
		return s.err
	}
}

// more has one more connection work if that is needed. The caller holds the lock.
func (p *pipeline) more() {
	if len(p.waiting) > 0 && (p.running == 0 || p.running < p.most && len(p.waiting) > crowded) {
		p.running++
		go p.work()
	}
}

// work sends what waits until nothing does. Between two round trips the connection is everybody's.
func (p *pipeline) work() {
	for {
		err := p.engine.slots.take(context.Background())
		list := p.take(err)
		if len(list) == 0 {
			if err == nil {
				p.engine.slots.give()
			}
			return
		}
		if err != nil {
			continue
		}
		late := p.send(list)
		p.engine.slots.give()
		if late { // somebody else took over
			return
		}
	}
}

// take gives what is sent next; without a connection (err) those are told who have waited for one long enough. The worker ends with the
// last statement.
func (p *pipeline) take(err error) (list []*sent) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, s := range p.waiting {
		if err != nil {
			if time.Since(s.began) < p.engine.slots.wait {
				break
			}
		} else if len(list) == mostTogether {
			break
		}
		n++
		if s.state.CompareAndSwap(callWaits, callSent) {
			list = append(list, s)
		}
	}
	rest := copy(p.waiting, p.waiting[n:])
	clear(p.waiting[rest:])
	p.waiting = p.waiting[:rest]
	if err != nil {
		for _, s := range list {
			s.fail(err)
		}
		list = p.waiting
	}
	if len(list) == 0 {
		p.running--
	} else {
		p.more()
	}
	return list
}

// trip is a round trip that is under way. The lock of its pipeline guards what is below the list.
type trip struct {
	list []*sent

	began time.Time
	late  bool // its worker is none any more: somebody else may have taken over
	slow  *time.Timer
	over  bool
}

// send does all of a list on one connection and answers each. It reports whether that took so long that the worker is none any more.
func (p *pipeline) send(list []*sent) bool {
	until := list[0].until
	for _, s := range list { // each leaves when its own time is over
		if s.until.After(until) {
			until = s.until
		}
	}
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	t := &trip{list: list, began: time.Now()}
	p.mu.Lock()
	t.slow = time.AfterFunc(patience, func() { p.goOn(t) })
	p.mu.Unlock()
	err := p.roundTrip(ctx, list)
	for _, s := range list {
		s.fail(err) // those that have no answer
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t.over = true
	t.slow.Stop()
	return t.late
}

// goOn goes on without a worker whose round trip takes long. What it reads is read again, each alone, for nobody can tell which of them
// takes long; but while all connections are in use, by those who also take long or by more than there are for, that would help nobody, and
// an answer may yet come. Writes are not done twice, and none of them waits for a row that somebody else holds.
func (p *pipeline) goOn(t *trip) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.over {
		return
	}
	if !t.late {
		t.late = true
		p.running--
		p.more()
	}
	if p.writes {
		return
	}
	if p.engine.slots.used() == p.engine.slots.most() && time.Since(t.began) < p.engine.slots.wait {
		t.slow.Reset(patience)
		return
	}
	for _, s := range t.list {
		s.fail(errAlone)
	}
}

// roundTrip answers what is answered. The error is that of the others.
func (p *pipeline) roundTrip(ctx context.Context, list []*sent) error {
	conn, err := p.engine.pool.Conn(ctx)
	if err != nil {
		return errAlone
	}
	defer conn.Close() // gives it back
	undone := true
	err = conn.Raw(func(on any) error {
		c, ok := on.(*stdlib.Conn)
		if !ok {
			return errors.ErrUnsupported
		}
		known, err := prepared(ctx, c, list)
		if err != nil {
			return err
		}
		undone, err = p.exchange(c.Conn().PgConn().StartPipeline(ctx), list, known)
		if e, refused := errors.AsType[*pgconn.PgError](err); refused && (e.Code == stalePlan || e.Code == unknownPrepared) {
			_ = c.Close() // the next one prepares anew
		}
		return err
	})
	if p.writes && !undone {
		return err
	}
	return errAlone
}

// stalePlan is what Postgres says where the columns of a prepared statement have other types than before (feature_not_supported).
const stalePlan = "0A000"

// completionUnknown is what may be said by whoever stands between us and Postgres (statement_completion_unknown).
const completionUnknown = "40003"

// undid tells errors by which the server says that it has undone all that was sent together: not one that goes away (FATAL), and none
// that speaks of the connection.
func undid(err error) bool {
	e, said := errors.AsType[*pgconn.PgError](err)
	return said && e.SeverityUnlocalized == "ERROR" && !strings.HasPrefix(e.Code, "08") && e.Code != completionUnknown
}

// prepared are the statements of a list as the connection knows them.
func prepared(ctx context.Context, c *stdlib.Conn, list []*sent) ([]*pgconn.StatementDescription, error) {
	known := make([]*pgconn.StatementDescription, len(list))
	for i, s := range list {
		var err error
		if known[i], err = c.Conn().Prepare(ctx, s.query, s.query); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// exchange is one round trip, and closes the line. Everything in it is one transaction, which ends with it. undone: whatever the error,
// nothing of that transaction stays. Only the first error tells that: those that follow on a broken line claim that nothing was sent.
func (p *pipeline) exchange(line *pgconn.Pipeline, list []*sent, known []*pgconn.StatementDescription) (undone bool, err error) {
	defer line.Close() // which reads to the end of the transaction
	for i, s := range list {
		line.SendQueryStatement(known[i], s.args, nil, binaryFormat)
	}
	if err := line.Sync(); err != nil {
		return pgconn.SafeToRetry(err), err
	}
	for i, s := range list {
		if err := p.result(line, s, known[i]); err != nil {
			return undid(err), err
		}
	}
	end, err := line.GetResults()
	if err != nil {
		return undid(err), err
	}
	if _, ended := end.(*pgconn.PipelineSync); !ended {
		return false, errNoEnd
	}
	if p.writes {
		for _, s := range list {
			s.answer(func() {})
		}
	}
	return false, nil
}

// errNoEnd: a pipeline did not end as it should.
var errNoEnd = errors.New("the end of what was sent together was not confirmed")

// result takes what became of one statement. What was read is answered at once, what was written after the commit.
func (p *pipeline) result(line *pgconn.Pipeline, s *sent, known *pgconn.StatementDescription) error {
	results, err := line.GetResults()
	if err != nil {
		return err
	}
	reader, ok := results.(*pgconn.ResultReader)
	if !ok {
		return errors.ErrUnsupported
	}
	if !p.writes {
		return s.read(reader, known.Fields)
	}
	tag, err := reader.Close()
	s.rows = tag.RowsAffected() // nobody reads it before the answer
	return err
}

var binaryFormat = []int16{1}

// read takes the first row.
func (s *sent) read(from *pgconn.ResultReader, fields []pgconn.FieldDescription) error {
	found, row := from.NextRow(), ""
	if found {
		values := from.Values()
		size := 4 * len(values)
		for _, v := range values {
			size += len(v)
		}
		packed := make([]byte, 0, size)
		for _, v := range values {
			n := uint32(len(v))
			if v == nil {
				n = null
			}
			packed = append(binary.BigEndian.AppendUint32(packed, n), v...)
		}
		row = string(packed)
	}
	if _, err := from.Close(); err != nil {
		return err
	}
	s.answer(func() { s.found, s.row, s.fields = found, row, fields })
	return nil
}

// null is the length of a column that has no value.
const null = 1<<32 - 1

// textArgs are values in Postgres's text format, which it takes for a column of any type.
func textArgs(args []any) ([][]byte, bool) {
	texts := make([][]byte, len(args))
	for i, arg := range args {
		switch v := arg.(type) {
		case nil:
		case string:
			texts[i] = []byte(v)
			if v == "" {
				texts[i] = []byte{} // nil would be NULL
			}
		case int64:
			texts[i] = strconv.AppendInt(nil, v, 10)
		case bool:
			texts[i] = strconv.AppendBool(nil, v)
		default:
			return nil, false
		}
	}
	return texts, true
}
