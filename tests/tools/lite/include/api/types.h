// The part of MindSpore Lite's interface that ascend310_infer uses, with a network of its own behind it (stub.cc).
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mindspore {
enum ModelType : uint32_t { kMindIR = 0, kUnknownType = 0xFFFFFFFF };
enum class DataType : int { kTypeUnknown = 0, kNumberTypeFloat16 = 42, kNumberTypeFloat32 = 43 };

class MSTensor {
 public:
  class Impl;
  explicit MSTensor(const std::shared_ptr<Impl> &impl);
  enum DataType DataType() const;
  const std::vector<int64_t> &Shape() const;
  std::shared_ptr<const void> Data() const;
  void *MutableData();
  size_t DataSize() const;

 private:
  std::shared_ptr<Impl> impl_;
};
}  // namespace mindspore
