#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "include/api/context.h"
#include "include/api/status.h"
#include "include/api/types.h"

namespace mindspore {
class ModelImpl;
using MSKernelCallBack = std::function<bool()>;

class Model {
 public:
  Model();
  ~Model();
  Status Build(const std::string &model_path, ModelType model_type,
               const std::shared_ptr<Context> &model_context = nullptr);
  Status Resize(const std::vector<MSTensor> &inputs, const std::vector<std::vector<int64_t>> &dims);
  Status Predict(const std::vector<MSTensor> &inputs, std::vector<MSTensor> *outputs,
                 const MSKernelCallBack &before = nullptr, const MSKernelCallBack &after = nullptr);
  std::vector<MSTensor> GetInputs();

 private:
  std::shared_ptr<ModelImpl> impl_;
};
}  // namespace mindspore
