#pragma once
#include <memory>
#include <vector>

#include "include/api/types.h"

namespace mindspore {
enum DeviceType { kCPU = 0, kAscend = 3 };

class DeviceInfoContext : public std::enable_shared_from_this<DeviceInfoContext> {
 public:
  virtual ~DeviceInfoContext() = default;
  virtual enum DeviceType GetDeviceType() const = 0;
};

class Context {
 public:
  Context();
  std::vector<std::shared_ptr<DeviceInfoContext>> &MutableDeviceInfo();

 private:
  struct Data;
  std::shared_ptr<Data> data_;
};

class CPUDeviceInfo : public DeviceInfoContext {
 public:
  enum DeviceType GetDeviceType() const override { return DeviceType::kCPU; };
};

class AscendDeviceInfo : public DeviceInfoContext {
 public:
  enum DeviceType GetDeviceType() const override { return DeviceType::kAscend; };
  void SetDeviceID(uint32_t device_id);
  uint32_t GetDeviceID() const;

 private:
  uint32_t device_id_ = 0;
};
}  // namespace mindspore
