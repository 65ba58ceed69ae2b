"""What two or more of the models share.

Importing this package sets the environment variables that MindSpore reads only once, when it is loaded
(`common.environment` says which and why), so every entry script imports from `common` before `mindspore`.
"""
from common.environment import prepare

prepare()
