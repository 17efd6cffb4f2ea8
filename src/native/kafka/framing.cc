// See framing.h.
#include "framing.h"

#include <algorithm>
#include <cstring>

namespace framing {
namespace {

bool IsBlank(char byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }

// A payload that is written over several lines becomes one. Outside of a string a line's end is white space
// like any other. Inside it is malformed JSON, and must stay so: another control character stands for it.
void AppendJoined(const char* payload, size_t length, js::Bytes* out) {
  char* to = out->Grow(length + 1);
  bool in_string = false, escaped = false;
  for (size_t i = 0; i < length; i++) {
    char byte = payload[i];
    bool ends_line = byte == '\n' || byte == '\r';
    to[i] = !ends_line ? byte : in_string ? '\x01' : ' ';
    if (escaped) {
      escaped = false;
    } else if (in_string && byte == '\\') {
      escaped = true;
    } else if (byte == '"') {
      in_string = !in_string;
    }
  }
  to[length] = '\n';
}

void AppendJson(const char* payload, size_t length, js::Bytes* out) {
  if (std::all_of(payload, payload + length, IsBlank)) return out->Append("\"\"\n");
  if (std::memchr(payload, '\n', length) != nullptr || std::memchr(payload, '\r', length) != nullptr) {
    return AppendJoined(payload, length, out);
  }
  char* to = out->Grow(length + 1);
  std::memcpy(to, payload, length);
  to[length] = '\n';
}

size_t AppendLines(const char* payload, size_t length, js::Bytes* out) {
  if (length > 0 && payload[length - 1] == '\n') length--;
  char* to = out->Grow(length + 1);
  if (length > 0) std::memcpy(to, payload, length);
  to[length] = '\n';
  return std::count(to, to + length + 1, '\n');
}

// Whether a line, with its line feed, is none for a reader that passes over blank ones.
bool IsPassedOver(Kind kind, const char* from, const char* end) {
  if (kind == Kind::kFullLines) {
    return std::all_of(from, end, [](char byte) { return byte == '\r' || byte == '\n'; });
  }
  return std::all_of(from, end, [](char byte) { return IsBlank(byte) || byte == '\v' || byte == '\f'; });
}

size_t AppendSomeLines(Kind kind, const char* payload, size_t length, js::Bytes* out) {
  size_t lines = 0;
  const char* end = payload + length;
  for (const char* from = payload; from < end;) {
    const void* feed = std::memchr(from, '\n', end - from);
    const char* stop = feed == nullptr ? end : static_cast<const char*>(feed);
    if (!IsPassedOver(kind, from, stop)) lines += AppendLines(from, stop - from, out);
    from = stop + 1;
  }
  return lines;
}

}  // namespace

size_t MaxSize(Kind kind, size_t length) {
  return kind == Kind::kRaw ? length : std::max(length, size_t{2}) + 1;
}

size_t Append(Kind kind, const char* payload, size_t length, js::Bytes* out) {
  switch (kind) {
    case Kind::kJson:
      if (payload == nullptr) {
        out->Append("{}\n");
      } else {
        AppendJson(payload, length, out);
      }
      return 1;
    case Kind::kLines:
      return AppendLines(payload, payload == nullptr ? 0 : length, out);
    case Kind::kFullLines:
    case Kind::kTextLines:
      return AppendSomeLines(kind, payload, payload == nullptr ? 0 : length, out);
    case Kind::kRaw:
      out->Append(payload, payload == nullptr ? 0 : length);
      return 1;
  }
  return 0;
}

}  // namespace framing
