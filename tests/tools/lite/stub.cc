// A stand-in for MindSpore Lite: its "MINDIR" is a text with the input's shape (-1 for a free batch) and, behind it,
// the word `half` for outputs in half precision. The network gives twice its input, and the sum of each image.
#include <fstream>
#include <numeric>

#include "include/api/model.h"

namespace mindspore {
class MSTensor::Impl {
 public:
  Impl(std::vector<int64_t> dims, enum DataType type) : shape(std::move(dims)), type(type) {
    int64_t count = 1;
    for (const auto size : shape) count *= size;
    values = std::make_shared<std::vector<float>>(count > 0 ? count : 0);
  }
  std::vector<int64_t> shape;
  enum DataType type;
  std::shared_ptr<std::vector<float>> values;
};

MSTensor::MSTensor(const std::shared_ptr<Impl> &impl) : impl_(impl) {}
enum DataType MSTensor::DataType() const { return impl_->type; }
const std::vector<int64_t> &MSTensor::Shape() const { return impl_->shape; }
std::shared_ptr<const void> MSTensor::Data() const { return {impl_->values, impl_->values->data()}; }
void *MSTensor::MutableData() { return impl_->values->data(); }
size_t MSTensor::DataSize() const { return impl_->values->size() * sizeof(float); }

Status::Status(enum StatusCode code, const std::string &message) : code_(code), message_(message) {}
std::string Status::ToString() const { return message_; }
bool Status::operator!=(enum StatusCode other) const { return code_ != other; }

struct Context::Data {
  std::vector<std::shared_ptr<DeviceInfoContext>> devices;
};
Context::Context() : data_(std::make_shared<Data>()) {}
std::vector<std::shared_ptr<DeviceInfoContext>> &Context::MutableDeviceInfo() { return data_->devices; }
void AscendDeviceInfo::SetDeviceID(uint32_t device_id) { device_id_ = device_id; }
uint32_t AscendDeviceInfo::GetDeviceID() const { return device_id_; }

class ModelImpl {
 public:
  std::shared_ptr<MSTensor> input;
  enum DataType output_type = DataType::kNumberTypeFloat32;
};
Model::Model() : impl_(std::make_shared<ModelImpl>()) {}
Model::~Model() = default;

Status Model::Build(const std::string &model_path, ModelType type, const std::shared_ptr<Context> &context) {
  const auto &device = context->MutableDeviceInfo().at(0);
  if (type != kMindIR) return {kLiteError, "no MINDIR"};
  if (device->GetDeviceType() == kAscend && std::static_pointer_cast<AscendDeviceInfo>(device)->GetDeviceID() > 7) {
    return {kLiteError, "no such chip"};
  }
  std::ifstream stream(model_path);
  std::vector<int64_t> shape;
  for (int64_t size; stream >> size;) shape.push_back(size);
  if (shape.empty()) return {kLiteError, "not a network"};
  stream.clear();
  std::string word;
  if (stream >> word && word == "half") impl_->output_type = DataType::kNumberTypeFloat16;
  impl_->input = std::make_shared<MSTensor>(std::make_shared<MSTensor::Impl>(shape, DataType::kNumberTypeFloat32));
  return kSuccess;
}

std::vector<MSTensor> Model::GetInputs() { return {*impl_->input}; }

Status Model::Resize(const std::vector<MSTensor> &, const std::vector<std::vector<int64_t>> &dims) {
  impl_->input = std::make_shared<MSTensor>(std::make_shared<MSTensor::Impl>(dims.at(0), DataType::kNumberTypeFloat32));
  return kSuccess;
}

Status Model::Predict(const std::vector<MSTensor> &inputs, std::vector<MSTensor> *outputs, const MSKernelCallBack &,
                      const MSKernelCallBack &) {
  const auto *from = static_cast<const float *>(inputs.at(0).Data().get());
  const auto shape = inputs.at(0).Shape();
  const size_t size = inputs.at(0).DataSize() / sizeof(float), one = size / shape[0];
  MSTensor twice(std::make_shared<MSTensor::Impl>(shape, impl_->output_type));
  MSTensor sums(std::make_shared<MSTensor::Impl>(std::vector<int64_t>{shape[0]}, impl_->output_type));
  for (size_t i = 0; i < size; ++i) static_cast<float *>(twice.MutableData())[i] = 2 * from[i];
  for (int64_t i = 0; i < shape[0]; ++i) {
    static_cast<float *>(sums.MutableData())[i] = std::accumulate(from + i * one, from + (i + 1) * one, 0.0f);
  }
  *outputs = {twice, sums};
  return kSuccess;
}
}  // namespace mindspore
