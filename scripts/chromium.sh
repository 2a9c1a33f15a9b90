#!/bin/sh
# Makes sure the browser tests find Debian's chromium: installs it where that is allowed.
# Without it they are skipped, loudly; with CI=true they fail.
command -v chromium >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installation de chromium pour les tests de la page…"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; } >/dev/null 2>&1 && exit 0
fi
echo "chromium manque : les tests de la page seront ignorés (sudo apt install chromium)." >&2
exit 0
