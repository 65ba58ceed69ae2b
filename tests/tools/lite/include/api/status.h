#pragma once
#include <cstdint>
#include <string>

namespace mindspore {
enum StatusCode : uint32_t { kSuccess = 0, kLiteError = 0xFFFFFFFF };

class Status {
 public:
  Status(enum StatusCode status_code, const std::string &status_msg = "");
  std::string ToString() const;
  bool operator!=(enum StatusCode other_code) const;

 private:
  enum StatusCode code_;
  std::string message_;
};
}  // namespace mindspore
