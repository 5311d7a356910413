"""What is printed where Airflow stays up: the addresses of the pages, who may log in, for what."""

from demo.airflow import PASSWORDS

# What the register of people gives them (sample/policies/people.yaml), in a few words.
MAY = {
    "maria": "accountant: reads every page, matches, corrects, proposes rules, signs as preparer",
    "chen": "controller: reads every page, approves what others propose, signs as controller",
    "admin": "runs Airflow: no figure, no decision",
}


def tell(url: str) -> None:
    """Say where to look, and with which log-ins."""
    print(f"The finance pages are ready: {url}/plugin/tieout/tieout/")
    print(f"  in Airflow ({url}) they are the entry Finance; without its frame: {url}/tieout/")
    print("Log in as")
    for name, password in PASSWORDS.items():
        print(f"  {name:5}  password {password:10}  {MAY[name]}", flush=True)
