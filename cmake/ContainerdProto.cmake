# SPDX-License-Identifier: Apache-2.0
# Compiles proto/ into pkg_proto.
