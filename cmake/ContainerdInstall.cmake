# SPDX-License-Identifier: Apache-2.0
# The installed libraries: containerd::client, shared and static.
