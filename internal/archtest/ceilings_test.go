package archtest

// exportedCeilings are packages with more exported names than the limit, by their path.
var exportedCeilings = map[string]ceiling{}

// methodCeilings are interfaces with more methods than the limit, as "path.Name".
var methodCeilings = map[string]ceiling{}
