// Runs a MINDIR file on a folder of .bin files with MindSpore Lite, on an Ascend chip or on the CPU.
//
// Each .bin file holds one batch of the network's input, float32, in C order. Output k of NAME.bin becomes
// RESULT_PATH/NAME_k.bin in the same form. tools/infer_mindir.py does the same without MindSpore Lite.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "include/api/context.h"
#include "include/api/model.h"
#include "include/api/status.h"
#include "include/api/types.h"

namespace fs = std::filesystem;
using Flags = std::map<std::string, std::string>;
using Shape = std::vector<int64_t>;

namespace {
const char kUsage[] =
    "main --model_path NET.mindir --dataset_path FOLDER [--device_target Ascend|CPU] [--device_id 0] "
    "[--result_path result_Files] [--time_path time_Result]";

[[noreturn]] void Fail(const std::string &message) { throw std::runtime_error(message); }

void Check(const mindspore::Status &status, const std::string &what) {
  if (status != mindspore::kSuccess) Fail(what + ": " + status.ToString());
}

// `--name value` and `--name=value`; an empty default stands for a flag that has to be given.
Flags ParseFlags(int argc, char **argv) {
  Flags flags = {{"model_path", ""}, {"dataset_path", ""}, {"device_target", "Ascend"},
                 {"device_id", "0"}, {"result_path", "result_Files"}, {"time_path", "time_Result"}};
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i], value;
    const auto equals = word.find('=');
    const std::string name = word.substr(0, equals);
    if (name.rfind("--", 0) != 0 || flags.count(name.substr(2)) == 0) Fail("unknown flag " + name + "; usage: " + kUsage);
    if (equals != std::string::npos) {
      value = word.substr(equals + 1);
    } else if (++i < argc) {
      value = argv[i];
    }
    if (value.empty()) Fail(name + " has no value; usage: " + kUsage);
    flags[name.substr(2)] = value;
  }
  for (const auto &[name, value] : flags) {
    if (value.empty()) Fail("--" + name + " is missing; usage: " + kUsage);
  }
  return flags;
}

std::shared_ptr<mindspore::Context> MakeContext(const std::string &target, const std::string &device_id) {
  auto context = std::make_shared<mindspore::Context>();
  if (target == "CPU") {
    context->MutableDeviceInfo().push_back(std::make_shared<mindspore::CPUDeviceInfo>());
  } else if (target == "Ascend") {
    if (device_id.size() > 4 || device_id.find_first_not_of("0123456789") != std::string::npos) {
      Fail("--device_id " + device_id + ": write the number of a chip");
    }
    auto ascend = std::make_shared<mindspore::AscendDeviceInfo>();
    ascend->SetDeviceID(static_cast<uint32_t>(std::stoul(device_id)));
    context->MutableDeviceInfo().push_back(ascend);
  } else {
    Fail("--device_target " + target + ": choose Ascend or CPU");
  }
  return context;
}

std::vector<fs::path> FindInputs(const std::string &folder) {
  if (!fs::is_directory(folder)) Fail("--dataset_path " + folder + " is no folder: write it with preprocess.py");
  std::vector<fs::path> paths;
  for (const auto &entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().extension() == ".bin") paths.push_back(entry.path());
  }
  if (paths.empty()) Fail("--dataset_path " + folder + " holds no .bin files: write them with preprocess.py");
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<char> ReadFile(const fs::path &path) {
  std::ifstream stream(path, std::ios::binary);
  std::vector<char> bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  if (!stream || bytes.empty()) Fail(path.string() + " cannot be read or is empty");
  return bytes;
}

void WriteFile(const fs::path &path, const void *bytes, size_t size) {
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream.write(static_cast<const char *>(bytes), static_cast<std::streamsize>(size));
  stream.close();
  if (!stream) Fail(path.string() + " cannot be written");
}

// The input's shape for a file of this size: a free batch becomes what the file holds.
Shape ShapeFor(Shape shape, size_t size, const fs::path &path) {
  size_t bytes = sizeof(float);
  for (size_t i = 1; i < shape.size(); ++i) {
    if (shape[i] < 1) Fail("the network leaves more than its batch free: export it with a fixed image size");
    bytes *= static_cast<size_t>(shape[i]);
  }
  if (!shape.empty() && shape[0] < 1) shape[0] = static_cast<int64_t>(size / bytes);
  const size_t wanted = shape.empty() ? bytes : bytes * static_cast<size_t>(shape[0]);
  if (size != wanted || size == 0) {
    Fail(path.string() + " has " + std::to_string(size) + " bytes, which the network's input of " +
         std::to_string(bytes) + " bytes per picture does not fit: prepare the data for this file");
  }
  return shape;
}

std::vector<mindspore::MSTensor> Predict(mindspore::Model *model, const Shape &shape, const std::vector<char> &bytes) {
  auto inputs = model->GetInputs();
  if (inputs[0].Shape() != shape) {
    Check(model->Resize(inputs, {shape}), "the network cannot take this batch");
    inputs = model->GetInputs();
  }
  if (inputs[0].DataSize() != bytes.size()) Fail("the network's input has another type than float32");
  std::memcpy(inputs[0].MutableData(), bytes.data(), bytes.size());
  std::vector<mindspore::MSTensor> outputs;
  Check(model->Predict(inputs, &outputs), "the network does not run");
  return outputs;
}

void WriteOutputs(const fs::path &folder, const std::string &name, const std::vector<mindspore::MSTensor> &outputs) {
  for (size_t k = 0; k < outputs.size(); ++k) {
    if (outputs[k].DataType() != mindspore::DataType::kNumberTypeFloat32) {
      Fail("output " + std::to_string(k) + " of the network is not float32: export it in single precision");
    }
    WriteFile(folder / (name + "_" + std::to_string(k) + ".bin"), outputs[k].Data().get(), outputs[k].DataSize());
  }
}

void Run(const Flags &flags) {
  const auto paths = FindInputs(flags.at("dataset_path"));
  const std::string model_path = flags.at("model_path");
  if (!fs::is_regular_file(model_path)) Fail("--model_path " + model_path + " does not exist: write it with export.py");
  mindspore::Model model;
  Check(model.Build(model_path, mindspore::kMindIR, MakeContext(flags.at("device_target"), flags.at("device_id"))),
        model_path + " cannot be loaded");
  const auto inputs = model.GetInputs();
  if (inputs.size() != 1) Fail(model_path + " has " + std::to_string(inputs.size()) + " inputs instead of one");
  const Shape declared = inputs[0].Shape();
  fs::create_directories(flags.at("result_path"));
  fs::create_directories(flags.at("time_path"));
  double milliseconds = 0;
  for (size_t i = 0; i < paths.size(); ++i) {
    const auto bytes = ReadFile(paths[i]);
    const Shape shape = ShapeFor(declared, bytes.size(), paths[i]);
    // The first call prepares the device and does not count.
    if (i == 0) Predict(&model, shape, bytes);
    const auto start = std::chrono::steady_clock::now();
    const auto outputs = Predict(&model, shape, bytes);
    milliseconds += std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    WriteOutputs(flags.at("result_path"), paths[i].stem().string(), outputs);
  }
  std::ostringstream line;
  line << "NN inference cost average time: " << milliseconds / static_cast<double>(paths.size()) << " ms of infer_count "
       << paths.size() << "\n";
  std::cout << line.str();
  WriteFile(fs::path(flags.at("time_path")) / "test_perform_static.txt", line.str().data(), line.str().size());
}
}  // namespace

int main(int argc, char **argv) {
  try {
    Run(ParseFlags(argc, argv));
  } catch (const std::exception &error) {
    std::cerr << "error: " << error.what() << std::endl;
    return 1;
  }
  return 0;
}
