// Bytes as text that DuckDB reads back exactly: CSV values, JSON strings, headers as JSON.
//
// A key or header value is written as it is where it is UTF-8 text without NUL, line feed and carriage return
// that doesn't start with `\x`. Anything else is `\xHH` for every byte, which is also how DuckDB writes a
// BLOB: `value::BLOB` gives the bytes back, `decode(value::BLOB)` their text. So one record is one physical
// line, and a value that starts with `\x` is always bytes.
#ifndef STREAMKIT_KAFKA_TEXT_H_
#define STREAMKIT_KAFKA_TEXT_H_

#include <string>

#include "js.h"
#include "rdkafka.h"

namespace text {

bool IsUtf8(const char* bytes, size_t length);

// A quoted CSV value of these bytes: see above.
void AppendCsv(js::Bytes* out, const char* bytes, size_t length);

// A quoted CSV value: a JSON array of [name, value] pairs, values as above but with line feeds (JSON escapes
// them), null for a value that isn't there. No headers are an empty array.
void AppendCsvHeaders(js::Bytes* out, const rd_kafka_headers_t* headers);

// The other way: an array of [name, text], [name, null] and, for bytes, [name, null, hexadecimal digits]. No
// text is an escape of bytes. Null if it is no such array.
rd_kafka_headers_t* ParseHeaders(const char* json, size_t length);

}  // namespace text

#endif  // STREAMKIT_KAFKA_TEXT_H_
