// See text.h.
#include "text.h"

#include <cstring>

namespace text {
namespace {

constexpr char kHex[] = "0123456789ABCDEF";

// Is it written as it is? Line feeds only where an escape takes care of them.
bool IsPlain(const char* bytes, size_t length, bool allow_lines) {
  if (length >= 2 && bytes[0] == '\\' && bytes[1] == 'x') return false;
  if (std::memchr(bytes, 0, length) != nullptr) return false;
  if (!allow_lines && std::memchr(bytes, '\n', length) != nullptr) return false;
  if (!allow_lines && std::memchr(bytes, '\r', length) != nullptr) return false;
  return IsUtf8(bytes, length);
}

void AppendHex(std::string* out, const char* bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    auto byte = static_cast<unsigned char>(bytes[i]);
    *out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
  }
}

void AppendQuoted(js::Bytes* out, const char* bytes, size_t length) {
  out->Append('"');
  const char* end = bytes + length;
  while (bytes < end) {
    const void* found = std::memchr(bytes, '"', end - bytes);
    const char* stop = found != nullptr ? static_cast<const char*>(found) + 1 : end;
    out->Append(bytes, stop - bytes);
    if (found != nullptr) out->Append('"');
    bytes = stop;
  }
  out->Append('"');
}

void AppendJsonString(std::string* out, const char* bytes, size_t length) {
  std::string hex;
  if (!IsPlain(bytes, length, true)) {
    AppendHex(&hex, bytes, length);
    bytes = hex.data(), length = hex.size();
  }
  *out += '"';
  for (size_t i = 0; i < length; i++) {
    auto byte = static_cast<unsigned char>(bytes[i]);
    if (byte == '"' || byte == '\\') {
      *out += {'\\', static_cast<char>(byte)};
    } else if (byte < 0x20) {
      *out += {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      *out += static_cast<char>(byte);
    }
  }
  *out += '"';
}

int HexValue(char digit) {
  const char* upper = std::strchr("0123456789ABCDEF", digit >= 'a' ? digit - 32 : digit);
  return digit != 0 && upper != nullptr ? static_cast<int>(upper - "0123456789ABCDEF") : -1;
}

// False where they are no pairs of hexadecimal digits.
bool Unhex(const std::string& digits, std::string* bytes) {
  if (digits.size() % 2 != 0) return false;
  for (size_t i = 0; i < digits.size(); i += 2) {
    int high = HexValue(digits[i]), low = HexValue(digits[i + 1]);
    if (high < 0 || low < 0) return false;
    *bytes += static_cast<char>(high * 16 + low);
  }
  return true;
}

void AppendUtf8(std::string* out, uint32_t code) {
  if (code < 0x80) {
    *out += static_cast<char>(code);
  } else if (code < 0x800) {
    *out += {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
  } else if (code < 0x10000) {
    *out += {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 63)),
             static_cast<char>(0x80 | (code & 63))};
  } else {
    *out += {static_cast<char>(0xF0 | code >> 18), static_cast<char>(0x80 | (code >> 12 & 63)),
             static_cast<char>(0x80 | (code >> 6 & 63)), static_cast<char>(0x80 | (code & 63))};
  }
}

// Reads just what a list of headers may hold: arrays of pairs of strings and nulls.
class Reader {
 public:
  Reader(const char* json, size_t length) : next_(json), end_(json + length) {}

  bool Take(char wanted) {
    while (next_ < end_ && std::strchr(" \t\r\n", *next_) != nullptr && *next_ != 0) next_++;
    if (next_ == end_ || *next_ != wanted) return false;
    next_++;
    return true;
  }
  bool AtEnd() { return !Take('\0') && next_ == end_; }

  bool TakeNull() {
    if (!Take('n') || end_ - next_ < 3 || std::memcmp(next_, "ull", 3) != 0) return false;
    next_ += 3;
    return true;
  }

  bool TakeString(std::string* out) {
    if (!Take('"')) return false;
    while (next_ < end_ && *next_ != '"') {
      if (*next_ != '\\') {
        *out += *next_++;
      } else if (!TakeEscape(out)) {
        return false;
      }
    }
    return next_ < end_ && *next_++ == '"';
  }

 private:
  bool TakeEscape(std::string* out) {
    if (end_ - next_ < 2) return false;
    char kind = next_[1];
    next_ += 2;
    if (kind == 'u') return TakeUnicode(out);
    const char* from = "\"\\/bfnrt";
    const char* found = std::strchr(from, kind);
    if (kind == 0 || found == nullptr) return false;
    *out += "\"\\/\b\f\n\r\t"[found - from];
    return true;
  }

  bool TakeUnicode(std::string* out) {
    uint32_t code, low;
    if (!TakeHex4(&code)) return false;
    if (code >= 0xD800 && code < 0xDC00) {
      if (end_ - next_ < 6 || next_[0] != '\\' || next_[1] != 'u') return false;
      next_ += 2;
      if (!TakeHex4(&low) || low < 0xDC00 || low > 0xDFFF) return false;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    AppendUtf8(out, code);
    return true;
  }

  bool TakeHex4(uint32_t* code) {
    if (end_ - next_ < 4) return false;
    *code = 0;
    for (int i = 0; i < 4; i++) {
      int digit = HexValue(*next_++);
      if (digit < 0) return false;
      *code = *code * 16 + digit;
    }
    return true;
  }

  const char* next_;
  const char* end_;
};

bool TakeHeader(Reader* reader, rd_kafka_headers_t* headers) {
  std::string name, value, digits;
  if (!reader->Take('[') || !reader->TakeString(&name) || !reader->Take(',')) return false;
  bool is_null = !reader->TakeString(&value);
  if (is_null && !reader->TakeNull()) return false;
  if (is_null && reader->Take(',')) {
    if (!reader->TakeString(&digits) || !Unhex(digits, &value)) return false;
    is_null = false;
  }
  if (!reader->Take(']')) return false;
  rd_kafka_header_add(headers, name.data(), name.size(), is_null ? nullptr : value.data(),
                      is_null ? 0 : value.size());
  return true;
}

}  // namespace

bool IsUtf8(const char* bytes, size_t length) {
  auto* next = reinterpret_cast<const unsigned char*>(bytes);
  const unsigned char* end = next + length;
  while (next < end) {
    unsigned char first = *next++;
    if (first < 0x80) continue;
    int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    if (first < 0xC2 || first > 0xF4 || end - next < more) return false;
    // The shortest form only, no surrogates, nothing beyond U+10FFFF.
    if (first == 0xE0 && next[0] < 0xA0) return false;
    if (first == 0xED && next[0] > 0x9F) return false;
    if (first == 0xF0 && next[0] < 0x90) return false;
    if (first == 0xF4 && next[0] > 0x8F) return false;
    for (int i = 0; i < more; i++) {
      if ((*next++ & 0xC0) != 0x80) return false;
    }
  }
  return true;
}

void AppendCsv(js::Bytes* out, const char* bytes, size_t length) {
  if (IsPlain(bytes, length, false)) return AppendQuoted(out, bytes, length);
  std::string hex;
  AppendHex(&hex, bytes, length);
  AppendQuoted(out, hex.data(), hex.size());
}

void AppendCsvHeaders(js::Bytes* out, const rd_kafka_headers_t* headers) {
  std::string json = "[";
  const char* name;
  const void* value;
  size_t size;
  for (size_t i = 0; headers != nullptr; i++) {
    if (rd_kafka_header_get_all(headers, i, &name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) break;
    json += i == 0 ? "[" : ",[";
    AppendJsonString(&json, name, std::strlen(name));
    json += ',';
    if (value == nullptr) {
      json += "null";
    } else {
      AppendJsonString(&json, static_cast<const char*>(value), size);
    }
    json += ']';
  }
  json += ']';
  AppendQuoted(out, json.data(), json.size());
}

rd_kafka_headers_t* ParseHeaders(const char* json, size_t length) {
  Reader reader(json, length);
  rd_kafka_headers_t* headers = rd_kafka_headers_new(4);
  bool is_good = reader.Take('[');
  bool is_empty = is_good && reader.Take(']');
  while (is_good && !is_empty) {
    is_good = TakeHeader(&reader, headers);
    if (is_good && reader.Take(']')) break;
    is_good = is_good && reader.Take(',');
  }
  if (is_good && reader.AtEnd()) return headers;
  rd_kafka_headers_destroy(headers);
  return nullptr;
}

}  // namespace text
