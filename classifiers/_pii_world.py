"""Numbers of other countries, by Presidio's own recognisers: which there are, and their patterns made linear.

A policy names the entities it wants; none is looked for by default, since most are a run of digits and a check digit,
which one number in ten has by chance. Patterns, scores, words of context and checks are Presidio's. Where RE2 cannot
run a pattern, what looks around is taken out of it for the search, and Presidio's pattern as it is judges what was
found: candidates are short, so that costs no more than they have characters.
"""

from __future__ import annotations

import re

RECOGNIZERS = {
    "aba_routing_number": "AbaRoutingRecognizer",
    "us_itin": "UsItinRecognizer",
    "us_bank_number": "UsBankRecognizer",
    "us_mbi": "UsMbiRecognizer",
    "us_npi": "UsNpiRecognizer",
    "us_passport": "UsPassportRecognizer",
    "uk_nhs": "NhsRecognizer",
    "uk_nino": "UkNinoRecognizer",
    "uk_passport": "UkPassportRecognizer",
    "uk_driving_licence": "UkDrivingLicenceRecognizer",
    "uk_vehicle_registration": "UkVehicleRegistrationRecognizer",
    "uk_postcode": "UkPostcodeRecognizer",
    "au_abn": "AuAbnRecognizer",
    "au_acn": "AuAcnRecognizer",
    "au_tfn": "AuTfnRecognizer",
    "au_medicare": "AuMedicareRecognizer",
    "ca_sin": "CaSinRecognizer",
    "de_id_card": "DeIdCardRecognizer",
    "de_passport": "DePassportRecognizer",
    "de_tax_id": "DeTaxIdRecognizer",
    "de_tax_number": "DeTaxNumberRecognizer",
    "de_vat_id": "DeVatIdRecognizer",
    "de_social_security": "DeSocialSecurityRecognizer",
    "de_health_insurance": "DeHealthInsuranceRecognizer",
    "es_nif": "EsNifRecognizer",
    "es_nie": "EsNieRecognizer",
    "es_passport": "EsPassportRecognizer",
    "fi_personal_identity_code": "FiPersonalIdentityCodeRecognizer",
    "in_aadhaar": "InAadhaarRecognizer",
    "in_gstin": "InGstinRecognizer",
    "in_pan": "InPanRecognizer",
    "in_passport": "InPassportRecognizer",
    "in_vehicle_registration": "InVehicleRegistrationRecognizer",
    "in_voter": "InVoterRecognizer",
    "it_driver_license": "ItDriverLicenseRecognizer",
    "it_fiscal_code": "ItFiscalCodeRecognizer",
    "it_identity_card": "ItIdentityCardRecognizer",
    "it_passport": "ItPassportRecognizer",
    "it_vat_code": "ItVatCodeRecognizer",
    "kr_brn": "KrBrnRecognizer",
    "kr_driver_license": "KrDriverLicenseRecognizer",
    "kr_frn": "KrFrnRecognizer",
    "kr_passport": "KrPassportRecognizer",
    "kr_rrn": "KrRrnRecognizer",
    "ng_nin": "NgNinRecognizer",
    "ng_vehicle_registration": "NgVehicleRegistrationRecognizer",
    "ph_passport": "PhPassportRecognizer",
    "ph_tin": "PhTinRecognizer",
    "ph_umid": "PhUmidRecognizer",
    "pl_pesel": "PlPeselRecognizer",
    "se_organisationsnummer": "SeOrganisationsnummerRecognizer",
    "se_personnummer": "SePersonnummerRecognizer",
    "sg_nric_fin": "SgFinRecognizer",
    "sg_uen": "SgUenRecognizer",
    "th_tnin": "ThTninRecognizer",
    "tr_license_plate": "TrLicensePlateRecognizer",
    "tr_national_id": "TrNationalIdRecognizer",
    "za_company_registration": "ZaCompanyRegistrationRecognizer",
    "za_driver_license": "ZaDriverLicenseRecognizer",
    "za_id_number": "ZaIdNumberRecognizer",
    "za_income_tax_number": "ZaIncomeTaxNumberRecognizer",
    "za_license_plate": "ZaLicensePlateRecognizer",
    "za_passport": "ZaPassportRecognizer",
    "za_vat_number": "ZaVatNumberRecognizer",
}
"""Entities, and the class of ``presidio_analyzer.predefined_recognizers`` that knows each."""

_LOOKS_BEFORE = re.compile(r"\(\?<[!=](?:\[[^\]]*\]|[^()\[])*\)")
_LOOKS_AHEAD = re.compile(r"\(\?[!=](?:\[[^\]]*\]|[^()\[])*\)")
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?!\?)", re.DOTALL)
_SAME_AGAIN = re.compile(r"\\1")


def linear(pattern: str) -> str:
    r"""*pattern* for RE2, without groups: it matches what *pattern* does, and maybe more.

    >>> linear(r"(?<!\d)(\d{2})([- ])(?!0000)\d{4}\1[A-Z](?!\w)")
    '(?is)\\b(?:\\d{2})(?:[- ])\\d{4}[- ][A-Z]\\b'
    """
    ahead = list(_LOOKS_AHEAD.finditer(pattern))
    if ahead and ahead[-1].end() == len(pattern):
        pattern = pattern[: ahead[-1].start()] + r"\b"
    for looks, instead in ((_LOOKS_BEFORE, r"\\b"), (_LOOKS_AHEAD, ""), (_SAME_AGAIN, "[- ]")):
        pattern = looks.sub(instead, pattern)
    return "(?is)" + _TOKEN.sub(lambda m: "(?:" if m[0] == "(" else m[0], pattern.replace("(?i)", ""))
