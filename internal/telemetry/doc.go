// Package telemetry keeps two of the three records: the log (one wide event per request, slog) and the metrics
// (Prometheus). The third, audit, is a package of its own.
//
// It knows nothing of OAuth or HTTP handlers; label values come from closed lists. Begin with NewLogger, Add and Metrics.
package telemetry
