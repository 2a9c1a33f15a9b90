#!/bin/sh
# Usage: install.sh VENV PACKAGE. Creates the virtual environment and installs PACKAGE in it,
# with the exact versions of constraints.txt. Each foreseeable failure is one sentence.
set -eu
venv=$1 package=$2
python=${PYTHON:-python3}

die() { echo "Erreur : $1" >&2; exit 1; }

command -v "$python" >/dev/null 2>&1 ||
    die "Python manque : installez-le (sudo apt install python3 python3-venv), puis relancez la commande."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "Python 3.11 ou plus récent est nécessaire ; désignez-le par exemple par make install PYTHON=python3.12."
if [ ! -x "$venv/bin/python" ]; then
    needed=4000000 # KiB: 3.3 GB installed with the development tools, and pip's temporary files
    free=$(df -Pk . | awk 'NR == 2 { print $4 }')
    [ "$free" -ge "$needed" ] ||
        die "il faut 4 Go libres sur ce disque pour installer partages, et il en reste $((free / 1000000))."
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        die "le module venv de Python manque : sudo apt install python3-venv, puis relancez la commande."
    echo "Création de l'environnement Python $venv…"
    "$python" -m venv "$venv" || die "l'environnement $venv n'a pas pu être créé ; supprimez-le et recommencez."
fi
echo "Installation des paquets (quelques minutes la première fois, 2 Go de disque)…"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
    --editable "$package" ||
    die "un paquet n'a pas pu être installé (voir ci-dessus) : vérifiez l'accès au dépôt PyPI et l'espace disque."
