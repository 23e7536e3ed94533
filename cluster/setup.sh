#!/usr/bin/env bash
# Makes a node ready: an environment with the pinned packages, first on the PATH. Run again it changes nothing, which
# matters, since Ray runs it twice on workers.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
environment=$HOME/tuner-env
mark=$HOME/.tuner-env-holds
wanted=$(sha256sum < "$here/requirements.txt")

if [ "$(cat "$mark" 2>/dev/null)" != "$wanted" ]; then
    rm -f "$mark"
    command -v uv > /dev/null || {
        curl --proto =https --tlsv1.2 -LsSf https://astral.sh/uv/0.13.9/install.sh | sh
        export PATH="$HOME/.local/bin:$PATH"
    }
    uv venv --quiet --clear --python "${TUNER_PYTHON:-3.12}" "$environment"
    uv pip install --quiet --python "$environment/bin/python" --requirement "$here/requirements.txt"
    echo "$wanted" > "$mark"
fi

line="export PATH=$environment/bin:\$PATH"
grep -qxF "$line" "$HOME/.bashrc" 2>/dev/null || echo "$line" >> "$HOME/.bashrc"
