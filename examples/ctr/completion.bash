# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Completes ctr's commands and flags in bash, and file names where neither can follow:
#
#   source examples/ctr/completion.bash
#
# What can follow ctr says itself, so that this knows of every command.

_ctr() {
  local current=${COMP_WORDS[COMP_CWORD]}
  local words=("${COMP_WORDS[@]:0:COMP_CWORD}")
  [[ $current != -* ]] || words+=("$current")
  mapfile -t COMPREPLY < <(compgen -W "$("${words[@]}" --generate-bash-completion 2>/dev/null)" -- "$current")
}

complete -o bashdefault -o default -F _ctr ctr
