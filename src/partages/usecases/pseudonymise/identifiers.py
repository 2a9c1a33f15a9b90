"""Identifiers and contacts: labelled numbers, numbers with a key, phones, e-mail, web, addresses."""

import re
from collections.abc import Iterator

from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.gazetteers import communes, is_word
from partages.usecases.pseudonymise.schema import Categorie
from partages.usecases.pseudonymise.wording import matches, openings

# label -> (CodeType, RoleNUM); the most specific first
LABELS: tuple[tuple[str, str, str], ...] = (
    (r"SIRET|SIREN|SIRET/SIREN", "AUTRE", "Hopital"),
    (r"N[°ºo]?\s?FINESS|FINESS(?: (?:juridique|g[ée]o(?:graphique|\.)?|ET|EJ))?", "FINESS", "Hopital"),
    (r"RPPS|ADELI|N[°ºo]\s?(?:d')?(?:ordre|prescripteur)|N[°ºo] AM|AM(?=\s?:)", "RPPS", "PersonnelSante"),
    (r"INS(?:-C|-NIR|-A)?(?: qualifiée?)?|Matricule INS|Identité nationale de santé", "INS", "Patient"),
    (
        r"NIR|N[°ºo]?\s?(?:de )?(?:s[ée]curit[ée] sociale|s[ée]cu|SS|S\.S\.|INSEE)|(?:n° |numéro de )?s[ée]cu(?:rit[ée] sociale)?"
        r"|NSS|Immatriculation|N[°ºo] d'assuré",
        "NIR",
        "Patient",
    ),
    (r"NIA", "NIA", "Patient"),
    (
        r"NDA|N[°ºo]?\s?(?:de |du |d')?(?:s[ée]jour|s[ée]j\.?|dossier administratif|admission|venue|passage|hospitalisation)"
        r"|(?:N(?:um(?:éro)?)?[°ºo.]? )?IEP|S[ée]j(?:our|\.|(?=\s?:))(?: n[°ºo])?|(?:num\. )?Venue|HOSPIT\.?(?: n[°ºo])?|N[°ºo] EDS",
        "NDA",
        "Patient",
    ),
    (
        r"I\.?P\.?P\.?|NIP(?:P)?|N[°ºo]?\s?(?:de |du )?(?:dossier(?: (?:patient|m[ée]dical))?|patient)|Dossier(?-i: [a-zé]{2,10}\.?)?(?: n[°ºo])?|Doss\.?|Num\.? patient"
        r"|Ident(?:ifiant|\.)(?: patient| permanent)?|ID patient|N[°ºo] d'identification|Patient n[°ºo]|Pat\. ?ID|ID(?=\s?:)",
        "NIPouIPP",
        "Patient",
    ),
    (
        r"(?:N[°º]|No\.?(?=\s?:|\s\d)|num[ée]ro|num\.?)\s?(?:de |du |d')?(?:la )?(?-i:[A-Z]?[a-zàâéèêîôû'-]{2,18}\.?|[A-Z]{2,5}(?= ?:? ?\d))?(?-i: de [a-z]{3,12})?|R[ée]f(?:[ée]rences?|\.)?(?: interne)?"
        r"|Accession|Acc\.?|Demande|[VN]/R[ée]f\.?|Code(?-i: [a-zéèê]{3,10}\.?)?|Matricule|Badge|Mutuelle|Contrat|Fiche|Passeport|Digicode|S/?N|Assurance|CNI|Permis|Plaque|Carte(?: vitale)?"
        r"|Examen|Pr[ée]l[èe]vement|S[ée]rie|Donneu(?:r|se)|Receveu(?:r|se)|Bloc|Lame|[ÉE]chantillon|Inclusion|Cassette|Facture|Ordonnance|Adh[ée]rent|D[ée]claration|FEIR|CPA|CGR|Culot|Proth[èe]se|Pacemaker|Stimulateur|Biopsie|Poche|Bo[îi]te|Archives?|Classeur|Casier|Protocole|Ticket|IBAN|Compte|Étiquette|Identification"
        r"|MRN|NISS|BSN|PESEL|NHS(?: (?:number|no\.?))?|(?:Case|Hospital|Patient|Chart|File|Record) (?:no\.?|number)|Allocataire|AGDREF|Titre de séjour|Prescription|Sujet|Randomi[sz]ation|Visite|Ordre(?: des médecins)?|GAP|Registre|Code-barres?|Sample|Specimen|Order|Agr[ée]ment|Anapath|Bon de (?:transport|commande|livraison)|CRISTAL",
        "AUTRE",
        "Patient",
    ),
)
_ANY_LABEL = re.compile(
    r"(?<![^\W_])(?:"
    + "|".join(f"(?P<L{index}>{label})" for index, (label, _, _) in enumerate(LABELS))
    + r")(?![A-Za-zÀ-ÿ])"
    r"(?:\s?\([^)\n]{0,30}\))?\s{0,3}(?:n[°ºo]\.?|num[ée]ro|SN)?(?:\s?(?:est|sont) (?:le|la) )?[\s:.=#|-]{0,14}(?=[A-Z]{0,6}[-/ ]?[A-Z]{0,4}[-/]?\d|[A-Z]{2,4}-[A-Z]{2,4}-\d|\d|[A-Z]{1,3}/[a-z]{1,3}/\d)",
    re.I,
)
_VALUE = re.compile(
    r"\d{2} \d \d{5} \d(?!\w)|(?:\d{3} ){3}\d{5}(?!\w)|[A-Z]?\d{4} \d\d \d{6}(?: [\dA-Z])?(?!\w)|\d{6} \d{3} \d\d(?!\w)|\d{2} \d{5}(?!\w)|\d{1,4}(?: \d{2,4}){1,6}(?: \d)?(?![\w/-]|[.,]\d)|[A-Z]{2,5} \d{2,6}(?: \d{1,6}){1,4}(?![\w/-]|[.,]\d)|[A-Z]{1,4} \d{4,12}(?!\w)|[A-Za-z]{0,8}\d[A-Za-z\d]{0,24}(?:[-/._]{1,2}[A-Za-z\d]{1,24}){0,8}|[A-Za-z]{1,10}(?:[-/._]{1,2}[A-Za-z\d]{1,24}){1,8}"
)
_NOT_AN_IDENTIFIER = re.compile(
    r"\b(?:chambre|chb|lit|salle|porte|box|[ée]tage|page|coffre|version|semaine|jour|cycle|cure|grade|stade|type|appt?|appartement|dose|quart|vertèbre|dent|doigt|orteil|article|loi|décret|figure|tableau|taille|sonde|secteur|CIM(?:-10)?|CCAM|GHM|diagnostic|acte|ADICAP|lettre|cas|niveau|score|essai|(?-i:[Ll]ot|LOT)|cerfa|CIP(?:13)?|EudraCT|UF|UH)\s?(?:[nN][°ºo])?[\s:.]*$"
)
_BATCH = re.compile(
    r"(?<![^\W_])(?:[Ll]ots?|LOTS?|cerfa|Cerfa|CERFA|CIP|UCD|EudraCT|[Ll]oi|[Aa]rt(?:icles?)?\.?)\s?(?:n[°ºo]\s?)?[:.]?\s?(?:[LRD]\.? ?)?$"
)
"""Before what numbers a product, a form or a law."""
_BOXED = re.compile(r"(?<![\d|])(?:\|\s?)?\d(?:\s?\|\s?\d){7,22}(?![\d])")
"""A digit a box, eight at least: a row of a table has fewer scores."""
_BOXED_PHONE = re.compile(r"(?i)(?:t[ée]l[ée]?p?h?o?n?e?|portable|mobile|fax)\W{0,6}$")
_LONG_NUMBER = re.compile(
    r"(?<![\w.,/+-])\d{7,20}(?![\w%]|[.,/]\d| ?(?:mg|g|UI|mL|ml|copies|/mm|€|euros|UFC))"
)
_SPACED_NUMBER = re.compile(
    r"(?<![\w.,/+-])(?<!\d )[A-Z]?\d{2,3} \d{3} \d{3}(?<! 000)(?![\w%/]|[.,]\d| \d| ?(?:mg|g|UI|mL|ml|copies|€|euros|UFC)\b)"
)
_PLATE = re.compile(
    r"(?<![\w-])(?:[A-HJ-NP-TV-Z]{2}[- ]\d{3}[- ][A-HJ-NP-TV-Z]{2}|FR\d{2}(?: ?[\dA-Z]{4}){5} ?[\dA-Z]{3}|756\.\d{4}\.\d{4}\.\d{2}|\d{2}\.(?:0\d|1[0-2])\.[0-3]\d-\d{3}\.\d{2})(?![\w-])"
)
_LOGIN = re.compile(
    r"(?i:(?:[ée]dit|imprim|valid|saisi|sign|cr[ée][ée]|modifi|extrait|g[ée]n[ée]r|consult)[ée]*e?s?(?: le)?[^\n]{0,30}? par|login|utilisateur|user|op[ée]rateur|skype|identifiant|compte)(?: ?: ?| )"
    r"([a-z]{2,12}(?:[._-]?[a-z]{1,12})?\d{1,4}|[a-z]{1,12}[._][a-z]{3,20}\d{0,4}|[a-z]{5,14}(?= (?:le|à) \d|\s*(?:$|\n|[/|;)]))|[A-Z]{4,12}\d{1,4}|[A-Z]{4,10}(?=\s*(?:$|\n|[Pp]age|-|\|)))(?![\w@]|[.-]\w)"
)
_OLD_PLATE = re.compile(
    r"(?i:plaque|immat\w*|v[ée]hicule|voiture|camion|scooter|moto)[^\d\n]{0,25}?(\d{1,4}[ -]?[A-Z]{2,3}[ -]?(?:\d{2}|2[AB]))(?!\w)"
)
_ACCOUNT = re.compile(
    r"(?i:(?<![^\W_])(?:user(?:name|id)?|login|utilisateur|badge|session|patient_?id|ipp|matricule|account|compte|operator))[\"']?\s?[=:]\s?[\"']?([A-Za-z]{0,20}[._-]?[A-Za-z]{0,20}\d[\w.-]{0,24})(?=[\s,;\"'}|]|$)"
)
"""The value of a key in a log or an export."""
_PASSWORD = re.compile(
    r"(?i:mots? de passe|mdp|password|pwd|code confidentiel) ?(?:[:=] ?|(?=[^\W\d_]*\d))([^\s,;()]{4,40})(?<![.,;])"
)
_UNIVERSAL = re.compile(
    r"(?<![\w-])(?:urn:uuid:)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w-])|(?<![\w.])1\.(?:2|3)\.(?!250\.1\.213\.)\d{1,10}(?:\.\d{1,20}){4,14}(?![\w.]\d|\w)"
)
"""A UUID (RFC 9562), or the object identifier of an examination (DICOM); not those of the national agency, which are public."""
_HAS_UNIVERSAL = re.compile(r"-[0-9a-f]{4}-[0-9a-f]{4}-|1\.[23]\.\d+\.\d+\.\d")
_HANDLE = re.compile(r"(?<![\w@.])@[A-Za-z_][\w.]{2,30}(?<!\.)")
_MESSAGE_NUMBER = re.compile(r"(?<=[|~])\d(?: ?\d){4,19}(?=\^)")
_MIXED = re.compile(
    r"(?<![\w.,/+^-])(?=[A-Z/-]{0,9}\d)[A-Za-z\d]{1,20}(?:[-/_][A-Z\d]{1,14}){0,6}(?![\w%]|[-/.,]\d)"
)
_HYPHENED = re.compile(r"(?<![\w.,/+-])[A-Z]{2,6}(?:-[A-Z]{2,6}){1,2}(?:-\d{2,12}){1,3}(?![\w-])")
_CARE_CODE = re.compile(
    r"(?:NCT|rs|NM_?|CA|CD|PMID|ISO|EN|HLA|SARS|COVID|COV|OMIM|LOINC|SNOMED|CE|MIB|Ki|ORPHA|ATC|PD|DRB|DQB|anti|IL|MDRD|CKD)[-_/ ]?\d.*|\d+[xX*]\d+.*|\d{1,4}(?:mg|MG|ml|ML|UI|G|GY|Gy|cm|CM|mm|MM|KG|kg|MHZ|h|J|j|mmHg|kcal|PA|pa)\w{0,2}|[A-Z]{1,2}\d{1,3}-?[A-Z]?\d{0,2}|\d+-\d+-\d+|(?:[A-Z]\d{1,2}[A-Za-z]?[-/]){1,8}[A-Z]?\d{1,2}|\d+[UW]|\d+-\d*[A-Z]{1,2}|\d{1,3}-\d{1,3}"
)
_NIR = re.compile(
    r"(?<!\d)([1-478])[ .]?(\d{2})[ .]?(0[1-9]|1[0-2]|[2-9]\d)[ .]?(\d{2}|2[AB])[ .]?(\d{3})[ .]?(\d{3})"
    r"(?:(?:[ ./-]{0,3}| ?[,(]? ?(?i:cl[ée])\)? ?[:=]? ?)(\d{2}))?(?!\d)"
)
_PHONE = re.compile(
    r"(?<![\d.,/-])(?:(?:\+|00) ?33 ?(?:\(0\) ?)?[1-9]|\(?0[1-9]\)?|\(0\) ?[1-9])(?:[ .\-/_\n]{0,2}\d{2}){4}(?: ?/ ?\d{2}(?=[ ,;)\n]|$)(?! ?(?:mg|ml|ans|mm|cm|kg|h)\b)){0,2}(?!\d|[.,/]\d)"
    r"|(?<![\w+-])(?:\+(?=(?:\D{0,2}\d){9})|00(?=(?:\D{0,2}\d){9}))(?!33)\d{1,3}(?:[ ./-]?\(?\d{1,4}\)?){2,6}(?!\d)"
    r"|(?<![\d.,/-])(?<!\d )0[1-9](?:[ .]?\d){8}(?!\d|[.,/]\d)"
)
_DIGIT_WORD = r"(?:z[ée]ro|un|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|treize|quatorze|quinze|seize|vingt|trente|quarante|cinquante|soixante|quatre[ -]vingts?|et)"
_SPOKEN_PHONE = re.compile(rf"(?<!\w)z[ée]ro {_DIGIT_WORD}(?:[ -]{_DIGIT_WORD}(?!\w)){{4,14}}", re.I)
_SIGN = re.compile("@")
_LOCAL_PART = 130
"""Characters looked at before the sign of an address."""
_SPELLED_SIGN = re.compile(r"[\[({] ?(?:at|a|AT|A) ?[\])}]|arobase|AROBASE|Arobase")
_AT_SIGN = re.compile(r"(?i) ?(?:@|[\[({] ?(?:at|a|arobase|chez) ?[\])}]|(?<=\w) arobase ) ?")
_DOT = r"(?: ?\. ?| (?i:point) | ?[\[(](?i:point|dot)[\])] ?)"
_BEFORE_SIGN = re.compile(rf"[\w+-]{{1,40}}(?:{_DOT}[\w+-]{{1,40}}){{0,3}}$")
_AFTER_SIGN = re.compile(
    rf"[A-Za-z0-9-]{{2,40}}(?:(?:{_DOT}|\. ?\n)[A-Za-z0-9-]{{2,40}}){{0,3}}{_DOT}(?i:fr|com|org|net|eu|be|ch|example)\b"
)
_PHONE_LABEL = re.compile(
    r"(?<![^\W_])(?:t[ée]l(?:[ée]phone|\.)?(?: ?(?:port(?:able)?|fixe|interne|secr[ée]tariat|bureau|domicile)\.?)?|fax|t[ée]l[ée]copie|portable|port\."
    r"|postes?|bip|dect|standard|gsm|mobile|secr[ée]tariat|secr?\.|appeler le|appel au|joignable(?: au)?|astreinte|ligne|num(?:[ée]ro)?|☎|📞|T\.)"
    r"\s?(?:n[°ºo])?[\s:.(»\"*#]{0,6}(\+?\d(?:[\d .\-/()]{1,22})\d)(?!\d)",
    re.I,
)
_TEMPERATURE = re.compile(r"[34]\d[.,]\d")
_FOUR_NUMBERS = re.compile(r"\d\.\d{1,3}\.\d{1,3}\.\d")
_BYTE = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_MACHINE = re.compile(
    rf"(?<![\d.])(?:(?<=[Ii][Pp][:= ])|(?<=[Ii][Pp]: )|(?<=[Ii][Pp] : )|(?<=[(\[])|(?<=from )|(?<=host )|(?<=//)|(?=10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)){_BYTE}(?:\.{_BYTE}){{3}}(?![\d.]\d|\d)"
)
"""An Internet address announced as one, or of a private network (RFC 1918)."""
_AFTER_PHONE = re.compile(
    r" ?(?:[-/]|(?i:ext\.?|p\.?|poste|ou|puis)) ?(\d{2}[ .]\d{3}|\d{3,5})(?![\d/]|[.,]\d| ?(?:mg|ml|g|%|UI|jours|ans|h)\b)"
)
"""A second number, or an extension, after a phone."""
_LISTED_CALL = re.compile(r"[A-ZÀ-Þ][\w'-]{1,25} ?[:-] ?(\d{2}[ .]\d{2,3}|\d{4,5})(?=\s*(?:/|\n|$))")
_CALLED_LINE = re.compile(r"(?i)(?:poste|bip|dect|interne|t[ée]l)\b(?:[^\n]{0,90}\n)?[^\n]{0,90}\d / ?$")
_EXTENSION = re.compile(
    r"(?:Dr|Pr|Mme|M\.|IDE|bureau|secr[ée]tariat|astreinte|interne|cadre|accueil|standard|labo|bloc|service|Tel)[^()\n]{0,30}\((?:[^()\n]{0,25}, ?)?(\d{4})\)"
)
_CALL_AT = re.compile(
    r"[A-ZÀ-Þ][\w'-]{1,25},? (?i:au|poste|bip|dect) (\d{4,5}|\d{2}[. ]\d{2,3})(?![\d/]|[.,]\d| ?(?:mg|ml|g|%|UI|jours|ans)\b)"
)
_EMAIL = re.compile(
    r"[A-Za-zÀ-ÿ0-9_+-]{1,64}(?:\.[A-Za-zÀ-ÿ0-9_+-]{1,64}){0,6} ?@ ?[A-Za-z0-9-]{1,63}(?:\n[a-z0-9-]{1,40}(?=\.(?:fr|com|org|net|eu)\b))?(?:\.[A-Za-z0-9-]{1,63}){0,5}\.[A-Za-z]{2,10}\b(?: ?\. ?(?:fr|com|org|net|eu|be|ch)\b)?"
)
_URL = re.compile(
    r"\b(?:[Hh]ttps?://[^\s<>\"')]{3,200}|[Ww]ww\.[^\s<>\"')]{3,200})(?<![.,;])"
    r"|\b(?<!@)[a-z0-9-]{2,40}(?:\.[a-z0-9-]{2,40}){0,3}\.(?:fr|com|org|net|eu|sante\.fr)\b(?:/[^\s<>\"')]{0,200})?(?<![.,;])"
)
_WAY = r"(?:rue|avenue|boulevard|bld|blvd|bd|impasse|all[ée]es?|chemin|route|quai|ruelle|faubourg|venelle|esplanade|promenade|mont[ée]e|rempart|grande[- ]rue|square|place)"
_STREET = (
    r"(?:rue|r\.|avenue|av\.?|boulevard|boul\.|bd\.?|bld\.?|blvd|place|pl\.|impasse|imp\.|all[ée]es?|chemin|che?m?\.|route|rte|quai|cours"
    r"|square|sq\.|passage|ruelle|faubourg|fbg|sente|sentier|esplanade|promenade|mont[ée]e|c[ôo]te|lotissement|lot\.|r[ée]sidence|r[ée]s\."
    r"|villa|hameau|cit[ée]|lieu-dit|lieudit|rond-point|domaine|parvis|clos|mail|traverse|venelle|remparts?|levée|digue|port|voie|chaussée|corniche|calade|cour|galerie|mas|ferme|chalet|foyer|tour)"
)
_JOIN = r"(?:de la|de l'|de|du|des|d'|la|le|les|l'|à|au|aux|en|sur|sous|et|lès)"
_LETTER = r"[^\W\d_]"
_PLACE_WORD = r"(?:\d{1,2}[ -](?i:janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre)(?:[ -]\d{4})?|[A-ZÀ-Þ](?:[\w'.-]{0,30})|\d{1,4}e?(?= ?(?:RI|BCA|DB|régiment)\b))"
_REST = rf"(?:[ -](?:{_JOIN}(?:[ ]|(?<=')))*{_PLACE_WORD}){{0,6}}"
_COMPLEMENT = r"(?:(?:,| -|) ?(?:(?:résidence|rés\.|b[âa]t(?:iment|\.)?|app(?:artemen)?t\.?|appt?\.?|apt\.?|hameau|lieu-dit|esc(?:alier|\.)?|cité|lot(?:issement|\.)|villa|porte|ch\.|BP|CS|étage|\d{1,2}e(?:r|me)? étage|entrée|immeuble|imm\.|tour) ?[\w'°][\w'°.-]{0,25}(?: [A-ZÀ-Þ][\w'-]{1,25}){0,3}))"
_ADDRESS = re.compile(
    rf"(?<![\w/.,-])(\d{{1,4}}(?: ?(?:bis|ter|quater|BIS|TER|[A-Da-d](?![\w'])))?,? {{0,2}}(?:(?:et|-|/) ?\d{{1,4}},? )?(?:(?i:{_STREET}) {{1,3}}(?i:{_JOIN}(?: |(?<=')))*(?:{_PLACE_WORD}|{_LETTER}[\w'-]{{1,30}}){_REST}|(?i:Grande?[- ]Rue)\b)"
    rf"(?i:{_COMPLEMENT}){{0,3}})"
)
_ENGLISH_ADDRESS = re.compile(
    r"(?<![\w/.,-])(\d{1,4},? (?:[A-Z][\w'-]{1,25} ){1,3}(?:Lane|Street|Road|Avenue|Drive|Close|Square|Court|Gardens|Terrace|Place|Way|St|Rd|Ave))\b"
)
_STREET_ALONE = re.compile(
    rf"(?:(?<=\n)|(?<=^)|(?<=[*|,;:(] )|(?<= - )|(?<=\t)|(?<=\w )(?=(?i:rue|avenue|boulevard|bd|impasse|all[ée]es?|chemin|quai|ruelle|venelle|route) ))((?:[Bb][âa]timent [\w-]{{1,25}}, )?(?i:{_WAY}) (?i:{_JOIN}(?: |(?<=')))*{_PLACE_WORD}{_REST}(?i:{_COMPLEMENT}){{0,3}})"
)
_BEFORE_CODE = re.compile(
    r"(?:(?<=\n)|^|(?<=: )|(?<=\| )|(?<= - )|(?<=  )|(?<=, ))((?:(?i:ZA|ZI|ZAC|quartier|lieu-?dit|lotissement|lot\.|r[ée]sidence|r[ée]s\.?|hameau|domaine|ferme|mas|cit[ée]|HLM|tour|immeuble|imm\.|b[âa]t\.?|b[âa]timent|le bourg|clos|villa|ch[âa]teau|camp|caserne|parc|square|foyer)(?= |,)|\d{1,4}(?: ?(?:bis|ter|[A-D]))?,? [A-ZÀ-Þ])[^\n|;:]{2,70}?)(?=[ ,–-]{1,4}(?:\n ?)?(?:\d{5}|\d{2} \d{3}) [A-ZÀ-Þ]|\n {0,40}\d{5} [A-ZÀ-Þ])"
)
_ADDRESS_NO_NUMBER = re.compile(
    rf"(?:adresse|domicile|demeurant|domicilié[e]?|habite|réside|résidant|logeant|hébergée?|loge|logée?|vit|séjour)\s?(?:au|à|dans|:|la|le|,| )*\s?"
    rf"((?:{_STREET}|ch[âa]teau|h[ôo]tel|camping|ferme|foyer|bâtiment|bât\.?|b[aâ]t|appartement|appt?\.?)\s[^\n,;(]{{3,60}})",
    re.I,
)
_HOME = re.compile(
    r"(?<!\w)((?:foyer|h[ôo]tel|camping|château|hameau|résidence|lotissement|lot\.|[Cc]entre commercial|lieu-dit|Foyer|Hôtel|Résidence|Hameau|HLM|cité|Cité) (?:(?:de la|de l'|de|du|des|d'|l') ?)?(?:(?:Le|La|Les|le|la|les|L') ?)?[A-ZÀ-Þ][\w'-]{2,25}(?: (?:(?:de|du|des|la) )?[A-ZÀ-Þ][\w'-]{2,25}){0,2}(?:,? ch\. ?\d{1,4}|, bd [^\n,;]{3,40})?"
    rf"(?i:{_COMPLEMENT}){{0,3}})"
    r"(?=\s?[,;\n.)])"
)
_POST_BOX = re.compile(r"\b((?:BP|CS|TSA)\s\d{2,6}(?: \d{2,5})?)(?=\s|,|$|-)")
_BUILDING = re.compile(
    r"\b((?:b[âa]t(?:iment)?|appt?|appartement|esc(?:alier)?|résidence|étage|porte)\.? (?:n° ?)?(?:[A-Z]?\d{1,4}|[A-Z])\b(?:[ ,]+(?:esc(?:alier)?|appt?|"
    r"étage|porte)\.? [A-Z]?\d{0,4})?)(?=[^\n]{0,60}(?:rue|avenue|all[ée]e|boulevard|place|impasse|chemin|route|quai|\d{5}))",
    re.I,
)
_FOREIGN_CODE = re.compile(
    r"(?<!\w)([A-Z]{1,2}\d{1,2}[A-Z]? \d[A-Z]{2})(?!\w)|(?<!\w)((?:B|CH|D|L|NL|E|I)-\d{4,5})(?= [A-Z])"
)
_CODE_AFTER_TOWN = re.compile(
    r"([A-ZÀ-Þ][\w'À-ÿ-]{2,30}(?: [A-ZÀ-Þ][\w'À-ÿ-]{1,30}){0,3})(?: ?[(,|^-]{1,2} ?|  ?)((?:0[1-9]|[1-8]\d|9[0-58])\d{3})(?!\d|[.,]\d)"
)
_POSTAL = re.compile(
    r"(?<![\d.,/°-])(?:F-?|FR-)?((?:0[1-9]|[1-8]\d|9[0-58]) ?\d{3})(?!\d)[ ,\-–]{1,3}"
    r"((?:(?:[A-ZÀ-Ý][\w'À-ÿ]*|[dl]'[A-ZÀ-Ý][\w'À-ÿ]*)(?:[ -](?:[A-ZÀ-Ý0-9][\w'À-ÿ]*|(?:sur|sous|en|les?|la|lès|lez|de|du|des|d'|aux?|et|[dl]'\w+)(?=[ -]))){0,6}))"
)
_POSTAL_LOWER = re.compile(
    r"(?:(?<=\n)|^|(?<=[,|;–-] )|(?<=[a-zé] ))((?:0[1-9]|[1-8]\d|9[0-58]) ?\d{3}) ([^\W\d_][a-zà-ÿA-ZÀ-Þ' -]{2,40})"
)
_MESSAGE_CODE = re.compile(r"(?<=[\^;])(?:0[1-9]|[1-8]\d|9[0-58])\d{3}(?=[|^;])")
_CEDEX = re.compile(r"\s+(?:CEDEX|Cedex|cedex)(?:\s+\d{1,2})?$")
_STOP_AFTER_ADDRESS = re.compile(
    r"\s+(?:Tél|TEL|Tel|Fax|FAX|IPP|NDA|Née?|est|sont|depuis|avec|où|chez|puis|qui|mais|à|Mail|Email|Port)\b.*$",
    re.S,
)


_LABEL_OPENINGS = openings(
    "n no nº n° fin rpp ade am ins mat ide nir num sec ss s nss imm nia nda sej iep ven hos i ipp nip dos pat id ref acc dem v cod bad mut con fic pas dig sn ass cni per pla "
    "sir car exa pre lot ser blo lam ech inc cas fac ord adh dec fei cpa cgr cul pro pac sti bio poc boi arc cla tic iba com eti mrn nis bsn pes nhs cha fil rec all agd tit pre suj ran vis gap reg sam spe agr ana bon cri"
)
_LOGIN_OPENINGS = openings("edi imp val sai sig cre mod ext gen con log uti use ope sky ide com")
_ACCOUNT_OPENINGS = openings("use log uti bad ses pat ipp mat acc com ope")
_PLATE_OPENINGS = openings("pla imm veh voi cam sco mot")
_PASSWORD_OPENINGS = openings("mot mdp pas pwd cod")
_WAY_OPENINGS = openings("rue ave bou bld blv bd imp all che rou qua fau ven esp pro mon rem gra squ pla bat")
_HOME_OPENINGS = openings("adr dom dem hab res log heb vit sej")
_PHONE_OPENINGS = openings("tel fax por pos bip dec sta gsm mob sec app joi ast lig num t")


def find_identifiers(text: str) -> Iterator[Finding]:
    """Propose identifying numbers of the view."""
    for match in _NIR.finditer(text):
        body = "".join(group or "" for group in match.groups()[:6])
        key = match.group(7)
        if key and nir_key(body) == int(key):
            yield _code(*match.span(), "NIR", "Patient", 0.99, "NIR key")
        elif len(body) == 13 and (key or " " in match.group()):
            yield _code(*match.span(), "NIR", "Patient", 0.96 if " " in match.group() else 0.8, "NIR shape")
    for match in matches(_ANY_LABEL, text, _LABEL_OPENINGS):
        index = int((match.lastgroup or "L0")[1:])
        kind, role = LABELS[index][1:]
        found = _VALUE.match(text, match.end())
        if found is None or _NOT_AN_IDENTIFIER.search(text[max(0, match.start() - 16) : match.end()]):
            continue
        value = found.group().rstrip("-/._")
        digits = sum(map(str.isdigit, value))
        least = 4 if kind == "AUTRE" and value.isdigit() else 2 if len(value) > 7 and value.isalnum() else 3
        if digits < least or _is_date_like(value):
            continue
        if kind == "AUTRE" and (
            (
                value.isdigit()
                and digits < 5
                and not _LOCK.match(match.group())
                and not re.search(r"[°ºo#:]\s?$", text[: match.end()][-4:])
            )
            or _MEASURE_AFTER.match(text, match.end() + len(value))
            or re.fullmatch(r"(?:19|20)\d\d", value)
            or (text[match.end() - 1] == " " and _CARE_CODE.fullmatch(value))
        ):
            continue
        label = match[f"L{index}"]
        start = match.end()
        if start == match.end(f"L{index}") and label.isalpha() and label.isupper() and text[start].isdigit():
            start = match.start(f"L{index}")  # IPP00448719: letters that may belong to the number
        yield _code(
            start, match.end() + len(value), kind, role, 0.93 if kind != "AUTRE" else 0.85, f"label {kind}"
        )
    for match in matches(_LOGIN, text, _LOGIN_OPENINGS):
        if match[1].isalpha() and match[1].islower() and is_word(match[1]):
            continue
        yield _code(*match.span(1), "AUTRE", "PersonnelSante", 0.8, "user name")
    for match in matches(_ACCOUNT, text, _ACCOUNT_OPENINGS):
        if not _is_date_like(match[1]):
            yield _code(*match.span(1), "AUTRE", "PersonnelSante", 0.98, "account")
    for match in _UNIVERSAL.finditer(text) if _HAS_UNIVERSAL.search(text) else ():
        yield _code(*match.span(), "AUTRE", "Patient", 0.98, "universal identifier")
    for match in _PLATE.finditer(text):
        yield _code(*match.span(), "AUTRE", "Patient", 0.86, "plate or account")
    for pattern, opening in ((_OLD_PLATE, _PLATE_OPENINGS), (_PASSWORD, _PASSWORD_OPENINGS)):
        for match in matches(pattern, text, opening):
            yield _code(*match.span(1), "AUTRE", "Patient", 0.9, "plate or password")
    for match in _HANDLE.finditer(text) if "@" in text else ():
        yield _code(*match.span(), "AUTRE", "Patient", 0.9, "name on a network")
    for match in _BOXED.finditer(text) if "|" in text else ():
        if not _BOXED_PHONE.search(text, max(0, match.start() - 14), match.start()):
            yield _code(*match.span(), "AUTRE", "Patient", 0.98, "boxed number")
    for match in _MESSAGE_NUMBER.finditer(text):
        yield _code(*match.span(), "AUTRE", "Patient", 0.8, "message field")
    for match in _SPACED_NUMBER.finditer(text):
        yield _code(*match.span(), "AUTRE", "Patient", 0.7, "spaced number")
    for match in _LONG_NUMBER.finditer(text):
        if numbers_a_product(text, match.start(), match.start()):
            continue
        value = match.group()
        kind, role, score = "AUTRE", "Patient", 0.7
        if len(value) == 11 and luhn(value):
            kind, role, score = "RPPS", "PersonnelSante", 0.85
        elif len(value) == 9 and luhn(value):
            kind, role = "FINESS", "Hopital"
        elif len(value) == 7:
            score = 0.5
        yield _code(*match.span(), kind, role, score, "long number")
    for pattern in (_MIXED, _HYPHENED):
        for match in pattern.finditer(text):
            if numbers_a_product(text, match.start(), match.start()):
                continue
            value = match.group()
            digits = sum(map(str.isdigit, value))
            if digits < 4 or digits == len(value) or _is_date_like(value) or _CARE_CODE.fullmatch(value):
                continue
            capitals = sum(map(str.isupper, value))
            parts = re.split(r"[-/_]", value)
            if len(parts) == 1 and (digits < 5 or not capitals or capitals + digits < len(value)):
                continue
            if (len(parts) > 1 and (digits < 5 and not capitals)) or ("/" in value and not capitals):
                continue
            if not capitals and (
                len(parts) > 2 or max(map(len, parts)) < 5 or _MEASURE_AFTER.match(text, match.end())
            ):
                continue
            yield _code(*match.span(), "AUTRE", "Patient", 0.75, "letters and digits")


def numbers_a_product(text: str, start: int, digit: int) -> bool:
    """Whether the number that begins at ``digit``, in a value that begins at ``start``, is that of a batch, a form or a law."""
    return _BATCH.search(text, max(0, start - 16), digit) is not None


_LOCK = re.compile(r"(?i)code (?:porte|d'|acc[èe]s|portail|entr[ée]e|vitale|confidentiel|pin)|digicode|badge")
_MEASURE_AFTER = re.compile(
    r"\s?(?:[mµnkp]?g|[mcdµ]?[lL]|UI|U|%|mm\w*|cm|kg|/|mmol|µmol|ans|jours|mois|h|€|patients|cas)\b|\s?[%/€°]"
)


def _is_date_like(value: str) -> bool:
    match = re.fullmatch(r"(\d{1,2})([/. -])(\d{1,2})\2(\d{2,4})", value)
    return match is not None and int(match[1]) <= 31 and int(match[3]) <= 12


def _code(start: int, end: int, kind: str, role: str, score: float, rule: str) -> Finding:
    return Finding(start, end, Categorie.CODE, score, rule, {"CodeType": kind, "RoleNUM": role})


def find_contacts(text: str) -> Iterator[Finding]:
    """Propose phones, e-mail addresses and web addresses."""
    end = 0
    for sign in _SIGN.finditer(text):
        if sign.start() >= end and (
            match := _EMAIL.search(text, max(end, sign.start() - _LOCAL_PART), sign.end() + 400)
        ):
            end = match.end()
            yield Finding(*match.span(), Categorie.EMAIL, 0.99, "e-mail")
    for match in _AT_SIGN.finditer(text) if "@" in text or _SPELLED_SIGN.search(text) else ():
        before = _BEFORE_SIGN.search(text[max(0, match.start() - _SPELLED_EMAIL) : match.start()])
        after = _AFTER_SIGN.match(text, match.end())
        if before and after:
            start = match.start() - len(before.group())
            yield Finding(start, after.end(), Categorie.EMAIL, 0.98, "spelled e-mail")
    for match in _URL.finditer(text):
        announced = match.group()[:4].lower() in ("http", "www.")
        yield Finding(*match.span(), Categorie.URL, 0.99 if announced else 0.9, "url")
    for match in _MACHINE.finditer(text) if _FOUR_NUMBERS.search(text) else ():
        yield Finding(*match.span(), Categorie.URL, 0.98, "machine")
    for match in _BOXED.finditer(text) if "|" in text else ():
        if _BOXED_PHONE.search(text, max(0, match.start() - 14), match.start()):
            start = match.start() + len(re.match(r"\|?\s?", match.group()).group())  # type: ignore[union-attr]
            yield Finding(
                start, match.end(), Categorie.TELEPHONE, 0.98, "boxed phone", {"RoleNUM": owner(text, start)}
            )
    for match in _at(_PHONE, text, _PHONE_START):
        start, end = match.span()
        start += match.group().startswith("(") and ")" not in match.group()
        yield Finding(start, end, Categorie.TELEPHONE, 0.95, "phone", {"RoleNUM": owner(text, start)})
        if more := _AFTER_PHONE.match(text, end):
            yield Finding(
                *more.span(1), Categorie.TELEPHONE, 0.8, "after a phone", {"RoleNUM": owner(text, start)}
            )
    for match in _LISTED_CALL.finditer(text):
        if _CALLED_LINE.search(text[max(0, match.start() - 160) : match.start()]):
            yield Finding(*match.span(1), Categorie.TELEPHONE, 0.8, "extension", {"RoleNUM": "Hopital"})
    for match in _EXTENSION.finditer(text):
        if not re.match(r"19[3-9]|20[0-3]", match[1]):
            yield Finding(*match.span(1), Categorie.TELEPHONE, 0.7, "extension", {"RoleNUM": "Hopital"})
    for match in _CALL_AT.finditer(text):
        yield Finding(*match.span(1), Categorie.TELEPHONE, 0.8, "extension", {"RoleNUM": "Hopital"})
    for match in _SPOKEN_PHONE.finditer(text):
        yield Finding(*match.span(), Categorie.TELEPHONE, 0.9, "spoken phone", {"RoleNUM": "Hopital"})
    symbols = "☎" in text or "📞" in text
    for match in _PHONE_LABEL.finditer(text) if symbols else matches(_PHONE_LABEL, text, _PHONE_OPENINGS):
        value = re.split(r"  |[ (](?:0?[1-9]|[12]\d|3[01])[/.](?:0?[1-9]|1[0-2])[/.]", match.group(1))[0]
        if (
            sum(map(str.isdigit, value)) >= 3
            and not _is_date_like(value)
            and not _TEMPERATURE.fullmatch(value)
        ):
            end = match.start(1) + len(re.match(r"[\d +.\-/()]*\d", value).group())  # type: ignore[union-attr]
            yield Finding(
                match.start(1),
                end,
                Categorie.TELEPHONE,
                0.9,
                "phone label",
                {"RoleNUM": owner(text, match.start())},
            )


_SPELLED_EMAIL = 90
"""Characters looked at before the sign of an address."""
_NUMBER_START = re.compile(r"(?<!\d)\d")
_PHONE_START = re.compile(r"[(+0]")
_CODE_START = re.compile(r"(?<!\d)(?:F-?|FR-)?(?=\d\d ?\d{3})")


def _at(pattern: re.Pattern[str], text: str, opening: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """As ``pattern.finditer(text)``, tried only where the opening matches: it is cheaper to find."""
    end = 0
    for start in opening.finditer(text):
        if start.start() >= end and (match := pattern.match(text, start.start())):
            yield match
            end = match.end()


def owner(text: str, at: int) -> str:
    """Whose phone: the patient's when the line speaks of the patient, else the hospital's."""
    line = line_before(text, at).casefold()
    return (
        "Patient"
        if re.search(r"patient|domicile|portable|joignable|fille|fils|époux|épouse|né", line)
        else "Hopital"
    )


def find_addresses(text: str) -> Iterator[Finding]:
    """Propose streets, post boxes, postal codes and the towns that follow them."""
    role = {"RoleLOC": "Patient"}
    for pattern, score, rule in (
        (_ADDRESS, 0.985, "street"),
        (_BEFORE_CODE, 0.88, "before postal code"),
        (_ENGLISH_ADDRESS, 0.9, "street"),
        (_STREET_ALONE, 0.86, "street"),
        (_HOME, 0.88, "home"),
        (_ADDRESS_NO_NUMBER, 0.8, "address label"),
        (_POST_BOX, 0.9, "post box"),
        (_BUILDING, 0.7, "building"),
    ):
        for match in (
            matches(pattern, text, _HOME_OPENINGS if pattern is _ADDRESS_NO_NUMBER else _WAY_OPENINGS)
            if pattern in (_ADDRESS_NO_NUMBER, _STREET_ALONE)
            else _at(pattern, text, _NUMBER_START)
            if pattern in (_ADDRESS, _ENGLISH_ADDRESS)
            else pattern.finditer(text)
        ):
            value = match.group(1)
            value = _STOP_AFTER_ADDRESS.sub("", value)
            value = re.split(r"\s{2,}|\s-\s(?!app|b[âa]t)|,?\s\d{5}\b", value)[0].rstrip(" .,;-")
            if len(value) > 4:
                start = match.start(1)
                yield Finding(start, start + len(value), Categorie.ADRESSE, score, rule, role)
    for match in _at(_POSTAL, text, _CODE_START):
        code, town = match.group(1).replace(" ", ""), _CEDEX.sub("", match.group(2))
        town = _known_prefix(town)
        if not town:
            continue
        known = _is_town(town, code)
        opens = len(town) > 2 and " " not in match.group(1) and _opens_address(text, match.start())
        score = 0.95 if known else (0.85 if opens else 0.4)
        if score >= 0.5:
            yield Finding(*match.span(1), Categorie.CODE_POSTAL, score, "postal code", role)
            start = match.start(2)
            yield Finding(start, start + len(town), Categorie.VILLE, score, "town after postal code", role)

    for match in _at(_POSTAL_LOWER, text, _CODE_START):
        words = match[2].split(" ")
        for count in range(min(len(words), 6), 0, -1):
            name = " ".join(words[:count]).rstrip("-' ")
            if len(name) > 2 and _is_town(name, None):
                yield Finding(*match.span(1), Categorie.CODE_POSTAL, 0.9, "postal code", role)
                yield Finding(
                    match.start(2),
                    match.start(2) + len(name),
                    Categorie.VILLE,
                    0.9,
                    "town after postal code",
                    role,
                )
                break
    for match in _MESSAGE_CODE.finditer(text):
        yield Finding(*match.span(), Categorie.CODE_POSTAL, 0.8, "message field", role)
    for match in _CODE_AFTER_TOWN.finditer(text):
        if _is_town(match[1], match[2]):
            yield Finding(*match.span(2), Categorie.CODE_POSTAL, 0.9, "code after town", role)
            yield Finding(*match.span(1), Categorie.VILLE, 0.9, "code after town", role)
    for match in _FOREIGN_CODE.finditer(text):
        yield Finding(*match.span(1 if match[1] else 2), Categorie.CODE_POSTAL, 0.8, "foreign code", role)


def _known_prefix(town: str) -> str:
    """The longest beginning that is a known town, or the first line's words as they stand."""
    parts = re.split(r"( )", town)
    for count in range(len(parts), 0, -1):
        candidate = "".join(parts[:count]).strip()
        if candidate and _is_town(candidate, None):
            return candidate
    return re.split(r" (?:Tél|Tel|Fax|IPP|NDA|Né|Née|Mail|Email|Port|Madame|Monsieur|Mme|M|Le|Dr)\b", town)[
        0
    ].strip()


def _is_town(name: str, code: str | None) -> bool:
    from partages.text import fold

    folded = re.sub(r"(?<!\w)st(e?)(?= )", r"saint\1", fold(name))
    codes = communes().get(folded)
    return codes is not None and (code is None or code in codes or any(c[:2] == code[:2] for c in codes))


def _opens_address(text: str, at: int) -> bool:
    line = line_before(text, at)
    return not line.strip(" -•") or re.search(_STREET, line, re.I) is not None


LINE_REACH = 200
"""Characters looked at before a match: a document may be one line of two million."""


def line_before(text: str, at: int) -> str:
    """What precedes ``at`` on its line, at most ``LINE_REACH`` characters."""
    floor = max(0, at - LINE_REACH)
    return text[text.rfind("\n", floor, at) + 1 or floor : at]


def nir_key(body: str) -> int:
    """Key of a French social security number (INSEE: 97 minus the number modulo 97; 2A is 19, 2B is 18)."""
    return 97 - int(body.replace("2A", "19").replace("2B", "18")) % 97


def luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn key of the others (ISO/IEC 7812-1; RPPS and FINESS use it)."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if index % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
