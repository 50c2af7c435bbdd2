# ruff: noqa: E501  a table
"""English sentences of ``rows_toxicity``: data, written for this project (Apache-2.0)."""

from __future__ import annotations

from classifiers.weights.rows_toxicity_labels import (
    CLEAN,
    DEADLY,
    DEATH_WISH,
    HARASSMENT,
    HATE,
    HATE_DEADLY,
    HATE_SEVERE,
    INSULT,
    OBSCENE,
    PROFANE,
    THREAT,
    TRADE,
    VEILED,
    Block,
)

SLOTS: dict[str, tuple[str, ...]] = {
    "group": (
        "Muslims", "Jews", "Christians", "Hindus", "Sikhs", "Buddhists", "atheists", "Catholics", "Mormons",
        "Black people", "white people", "Asians", "Latinos", "Arabs", "Indigenous people", "Roma", "Kurds",
        "Chinese people", "Indians", "Mexicans", "Nigerians", "Poles", "Germans", "Americans", "Russians", "Turks",
        "Pakistanis", "Japanese people", "Koreans", "Vietnamese people", "Filipinos", "Israelis", "Palestinians",
        "women", "men", "trans people", "trans women", "non-binary people", "gay men", "lesbians", "bisexual people",
        "queer people", "asexual people", "disabled people", "deaf people", "blind people", "wheelchair users",
        "autistic people", "people with Down syndrome", "people with schizophrenia", "immigrants", "refugees",
        "asylum seekers", "old people", "teenagers", "single mothers", "homeless people", "poor people", "Southerners",
        "people from the countryside", "foreigners", "fat people",
    ),
    "one": (
        "Muslim", "Jewish", "Christian", "Hindu", "Sikh", "Buddhist", "atheist", "Catholic", "Mormon", "Black", "white",
        "Asian", "Latino", "Arab", "Indigenous", "Romani", "Kurdish", "Chinese", "Indian", "Mexican", "Nigerian",
        "Polish", "German", "American", "Russian", "Turkish", "Pakistani", "Japanese", "Korean", "Vietnamese",
        "Filipino", "Israeli", "Palestinian", "female", "male", "trans", "non-binary", "gay", "lesbian", "bisexual",
        "queer", "asexual", "disabled", "deaf", "blind", "autistic", "immigrant", "refugee", "elderly", "teenage",
        "homeless", "Southern",
    ),
    "came": (
        "immigrants", "refugees", "asylum seekers", "Mexicans", "Indians", "Pakistanis", "Turks", "Poles", "Nigerians",
        "Arabs", "Muslims", "Chinese people", "Filipinos", "Somalis", "Roma", "foreigners",
    ),
    "trade": (
        "teachers", "nurses", "lawyers", "police officers", "journalists", "bankers", "politicians", "estate agents",
        "taxi drivers", "software engineers", "doctors", "actors", "referees", "salespeople", "landlords",
        "civil servants", "farmers", "soldiers", "influencers", "call-centre agents", "cleaners", "security guards",
        "conservatives", "liberals",
    ),
    "work": (
        "teacher", "nurse", "engineer", "pilot", "lawyer", "author", "neighbour", "colleague", "doctor", "chef",
        "coach", "librarian", "student", "farmer", "musician", "judge",
    ),
    "fool": (
        "idiot", "moron", "clown", "loser", "fool", "imbecile", "dimwit", "halfwit", "coward", "liar", "creep", "brat",
        "pig", "snake", "rat", "waste of space", "piece of garbage", "dumbass", "jackass", "scumbag",
    ),
    "bad": (
        "stupid", "pathetic", "worthless", "clueless", "brainless", "useless", "disgusting", "embarrassing", "ugly",
        "incompetent", "spineless", "miserable",
    ),
    "flaw": (
        "lazy", "dishonest", "stupid", "violent", "greedy", "dirty", "untrustworthy", "weak", "backward", "selfish",
        "immoral", "ignorant",
    ),
    "virtue": ("kind", "patient", "funny", "brave", "generous", "clever", "hard-working", "thoughtful", "honest"),
    "thing": (
        "bug", "printer", "compiler", "parking meter", "alarm clock", "bus", "update", "boss fight", "exam", "spreadsheet",
        "router", "dishwasher", "weather", "queue", "login page", "zip file",
    ),
    "dish": ("ramen", "cake", "pizza", "curry", "coffee", "album", "ending", "goal", "trailer", "sunset", "playlist"),
    "app": (
        "app", "phone", "film", "game", "book", "restaurant", "album", "update", "hotel", "laptop", "series", "keyboard",
        "airline", "course", "headset", "printer",
    ),
    "policy": (
        "the new tax law", "the housing bill", "the government's plan", "this ruling", "the party's manifesto",
        "the mayor's budget", "the visa reform", "the curfew", "the school reform", "the trade deal",
    ),
    "creed": (
        "the Catholic Church", "organised religion", "Islam", "Christianity", "the Mormon Church", "Hinduism", "Judaism",
        "Scientology", "astrology", "the papacy", "the caste system", "televangelism",
    ),
    "state": (
        "the Chinese government", "the US government", "the Russian government", "the Israeli government", "Hamas",
        "the Iranian regime", "the Saudi monarchy", "the British government", "the Indian government", "the Vatican",
        "the Turkish government", "the European Commission",
    ),
    "kin": ("your kids", "your wife", "your brother", "your parents", "your dog", "your family", "your sister"),
    "place": ("the car park", "the school gate", "the station", "your front door", "the office", "the gym"),
    "harm": (
        "kill you", "stab you", "shoot you", "break your legs", "burn your house down", "cut your throat",
        "run you over", "put you in the ground",
    ),
    "hurt": (
        "beat you up", "smash your face in", "break your nose", "make you bleed", "knock your teeth out",
        "smash your windows", "slash your tyres",
    ),
    "process": ("process", "thread", "job", "server", "task", "container", "session", "tab"),
    "beast": ("rats", "cockroaches", "parasites", "vermin", "maggots", "a plague", "animals", "leeches", "a cancer"),
    "name": ("Alex", "Priya", "Tom", "Mei", "Jordan", "Sam", "Fatima", "Luis", "Nora", "Ben", "Aisha", "Kai"),
}  # fmt: skip

BLOCKS: tuple[Block, ...] = (
    # --- groups: the same people, attacked and not ------------------------------------------------------------------
    Block("identity", CLEAN, """
        My neighbours are {group} and we share a garden.
        The museum opened a room on how {group} lived here a century ago.
        {group} have published more novels this year than ever.
        I interviewed twelve {group} for my thesis on city transport.
        The survey asked {group} what they expect from the new hospital.
        Many {group} in our town run small shops.
        There is a discount for {group} on Tuesdays, ask at the desk.
        {group} and their families are welcome at the summer fair.
        I learned to cook from {group} who moved in next door.
        Two of the best players in our league are {one}.
        Her dad is {one}, her mum is from Leeds, and both of them sing.
        As {one} parents, how do we explain the holiday to our kids?
        The {one} {work} who taught me chess retired last spring.
        Why did so few {group} take part in the trial?
        Health advice for {group} during a heat wave
        {group} make up about four percent of the workforce here.
        My {one} friend and I are driving to the coast this weekend.
        A short reading list by {one} writers
        The council met {group} to talk about the new bus route.
        Do {group} pay the same insurance premium?
        The song became an anthem among {group} in the nineties.
        I didn't know that {group} celebrate it in March!
        He writes {one} characters who feel like real people.
        What do {group} usually call this dish?
        Services for {group} will be cut by a third under the plan.
        {group} were banned from owning land until 1952, the archive shows.
        Ask a {one} {work} about this, not me.
        She is {one}, she is a {work}, and she is {virtue}.
        {group} deserve the same pay for the same work.
        Half of our street is {one} and I would not live anywhere else.
        The choir has Christians, atheists, {group}, anyone who can hold a tune.
        {name} is {one}. {name} also makes the best dumplings in the office.
        Nice thread about {one} history, saved for later
        Congratulations to the {one} {work} who won the medal
        It took me years to say out loud that I am {one}.
        The clinic trains staff to talk with {group} respectfully.
        Are there any {one} choirs or book clubs in Bristol?
        We are {one} and we are proud of our town.
        Proud of all the {group} who came out to vote today
        When {came} moved here in the sixties, the docks were still open.
        {came} opened three cafés on our square, and the queue tells you how good they are.
        How many {came} applied for a permit last year?
        Free language classes for {came} start on Monday.
        My grandparents were {came}, so this exhibition means a lot to me.
        {came} pay taxes here like everybody else.
        {group} are just people. Some are {virtue}, some are not, like everyone.
    """, 11),
    Block("stereotype", HATE, """
        It's a known fact that {group} are {flaw}.
        {group} are {flaw} by nature, it is in their blood.
        Never lend money to {group}, you will not see it again.
        Sorry but {group} can't be trusted with children.
        Show me one {one} {work} who isn't {flaw}.
        The reason this neighbourhood went downhill is simple: {group}.
        {group} only ever think about themselves, every single one.
        You can't expect honesty from {group}.
        I would never hire {group}, they're all {flaw}.
        {group} have contributed nothing to this country.
        Every time something is stolen here it turns out {group} did it.
        Deep down all {group} are the same: {flaw} and proud of it.
        Statistically {group} are just dumber, people are afraid to say so.
        Put {group} in charge and watch everything fall apart.
        A {one} {work}? No thanks, I want somebody competent.
        If you are {one} you were raised to lie, simple as that.
        I don't have anything against them but {group} are a drain on society.
        Once you've met one of them you know {group} are all {flaw}.
        The problem with {group} is that they breed and complain.
        No wonder the team lost, half of them are {one}.
        I crossed the street because he looked {one}, you can't be too careful with that lot.
        Being {one} is nothing to be proud of, it's a defect.
        I stopped reading when I saw the author was {one}.
        Your {one} {work} will rob you blind, they always do.
        Never let a {one} {work} near your money or your children.
        That {one} {work} was hired for a quota, nobody like that earns it.
    """, 13),
    Block("dehumanise", HATE_SEVERE, """
        {group} are {beast}, and we all know what you do with {beast}.
        Calling {group} human is generous.
        {group} crawl out of their holes like {beast}.
        This city is infested with {group}.
        {group} are a disease and we need the cure.
        Every {one} child is one more parasite to feed.
        There is nothing behind the eyes of {group}, they are livestock.
        The world would be cleaner without {group}.
        It's like an invasion of {beast}: {group} everywhere you look.
        {group} are filth that somebody has to wash away.
    """, 9),
    Block("exclusion", HATE, """
        {came} should go back to where they came from.
        We never asked {came} to come here, pack up and leave.
        Send {came} home, all of them, no exceptions.
        This is our country, not a hotel for {came}.
        I don't want {group} living on my street.
        {group} should have their own schools, far away from ours.
        No {group} at my table, thanks.
        I'm voting for whoever gets rid of {came} first.
        You don't look like you belong here, and {came} never will.
        Our club was better before they let {group} in.
        Keep {group} out of our sport.
        Close the border, we are full of {came} already.
        Real citizens do not have names like that. Go home.
        People with that accent have no business in our parliament.
        Don't sell the house to {group}, think of the rest of us.
        A {one} {work} has no place in a decent school.
        Why are {came} even allowed to breathe our air?
    """, 10),
    Block("rights", HATE, """
        {group} should not be allowed to vote.
        {group} don't deserve the same rights as normal people.
        Giving {group} equal pay was a mistake.
        {group} shouldn't be allowed to have children.
        There's no such thing as rights for {group}, only privileges we can take away.
        The law should protect us from {group}, not the other way round.
        {group} ought to be registered and watched.
        Doctors should treat real citizens first and {group} last.
        Nobody should be forced to rent a flat to {group}.
        It should be legal to fire someone for being {one}.
        A woman's place is in the kitchen and that will never change.
        Women are too emotional to lead anything bigger than a book club.
        Men who stay home with kids aren't real men.
        Two men raising a child is child abuse.
        Trans people are just sick men in dresses.
        Disabled kids hold back the whole class, put them somewhere else.
        Why should my taxes keep cripples alive?
        Old people had their turn, stop wasting medicine on them.
        If you can't speak proper English you don't get to have an opinion.
    """, 10),
    Block("hate_threat", HATE_DEADLY, """
        Someone should line up {group} against a wall.
        The only good {one} {work} is a dead one.
        When the day comes we will hunt {group} down street by street.
        I'd gladly set fire to that building with the {group} inside.
        Every last one of {group} should be shot at the border.
        {group} won't be safe in this town much longer, we're coming for them.
        Next time I see a {one} couple on my street they're getting stabbed.
        Time to finish what they started with {group}.
        Somebody's mosque is going to have a little accident, what a shame.
    """, 7),
    Block("hate_implicit", HATE, """
        Funny how it's always the same skin colour on the wanted posters, isn't it.
        I'm not racist, I just don't want my daughter bringing one of them home.
        Notice who owns all the banks? Just asking questions.
        You're pretty articulate for someone from over there.
        Fifty years ago people like that knew their place.
        Look at the surname. Of course he didn't pay.
        They get free flats while our own people sleep on the street. Draw your own conclusions.
        In ten years nobody in this town will look like us, and that's the plan.
        Diversity is just another word for chasing us out of our homes.
        He can wear a suit, he is still one of those.
        We all know what kind of people bring knives to a wedding.
        If my son told me he was like that I'd have him fixed.
        God made two kinds of people and then there's whatever that is.
        Smells like curry in here, guess who moved in.
        Careful, hide your wallet, the new neighbours have arrived.
        Let's be honest, some cultures are only good at begging.
        They come off the boat and straight onto benefits.
        A wheelchair on stage? Are we running a charity now?
        Maybe if they washed, someone would hire them.
        I pity the kids who have to grow up with two of those as parents.
        She only got the job because of what's between her legs.
        Behind every empty till you'll find one of them.
        They multiply while we pay for it.
        Not all of them are thieves. Some are too lazy to steal.
        Once they are ten percent of a country it stops being a country.
        Civilised people bury their dead and pay their bills. And then there are them.
        Wow, one of them can actually read.
        Don't bother explaining, their brains aren't built for it.
        I've got nothing against them as long as they stay invisible.
        They should be grateful that we let them clean our floors.
        Women like that are the reason their husbands drink.
        Feminists are just ugly girls nobody wanted.
        That's what you get when you let a girl do a man's job.
        Menopausal judges should not decide anything.
        You throw like a girl and you think like one.
        Another one of those men in dresses reading to children, lock them up.
        People with that disease should wear a sign.
        Inbred hillbillies, what did you expect.
        Of course the driver was Asian, they can't see the road.
    """),
    # --- denied, reported, answered ---------------------------------------------------------------------------------
    Block("negation", CLEAN, """
        I don't hate {group}, I never did.
        Nobody here thinks that {group} are {flaw}.
        I have never said that {group} are {flaw}, please read the thread again.
        It isn't true that {group} are {flaw}.
        No, being {one} does not make anyone {flaw}.
        {group} are not {beast}, they are our neighbours.
        You are not a {fool}, you are just tired.
        I didn't call you a {fool}, I said the plan had a hole in it.
        She isn't {bad}, she is new to the job.
        He never threatened to {hurt}, the messages show that.
        I would never {harm}, how can you even think that?
        We don't want {came} to leave, we want better schools for everyone.
        There is no reason to be afraid of {group}.
        You're far from {bad}, give it another week.
        None of us would ever call you {bad}.
        I can't stand it when people say {group} are {flaw}.
        Don't let anyone tell you that you're {bad}.
        Not every {one} {work} has to speak for all {group}.
        I am not saying that {group} are {flaw}; I am saying the statistic is wrong.
        Nobody deserves to be called a {fool} for asking a question.
        It was not a threat, I only meant that the deadline is close.
        I don't wish you any harm.
        Nobody is going to hurt you here.
        I'm not angry with you and I don't think you're an idiot.
        We do not tolerate insults against anyone in this group.
        You do not have to go back anywhere, this is your home.
        No group of people is a disease.
    """, 8),
    Block("reporting", CLEAN, """
        He called me a {fool} in front of the class and I reported him.
        My boss said that {group} are {flaw}. How do I file a complaint?
        A man shouted "go back to your country" at my mother on the bus.
        Someone wrote "I will {harm}" on my windscreen, so I called the police.
        She told the court that he had said he would {harm}.
        The senator apologised for having called {group} "{beast}".
        The paper quoted a post that described {group} as {flaw}.
        In the recording you hear him say "I'll {hurt}" before the door closes.
        My brother gets called {bad} at school every day and I want to help him.
        Two players were banned after calling a {one} referee a {fool}.
        The post that said {group} should not vote was removed within an hour.
        Witnesses say the driver yelled that {group} were {beast}.
        For ten years my ex told me that I was {bad}.
        The report counts 312 attacks on {group} last year.
        Police arrested a man who had threatened {group} outside a café.
        Grandpa used to say that {group} were {flaw}. He changed his mind at eighty.
        The teacher asked why he had written "{fool}" on her desk.
        Moderators, this user keeps telling {group} to leave the forum.
        In the leaked chat an officer writes that {group} are {beast}.
        My ex sends me messages like "watch your back". What evidence should I keep?
        The chant that followed was aimed at {one} fans; the club has opened an inquiry.
        Someone left a note saying that {group} aren't welcome here. We put flowers next to it.
        A user commented "you are {bad}". Should I delete it or answer?
        The defendant admitted sending the words "I know where you live".
        He kept repeating that {one} people can't be trusted, and then he wondered why nobody stayed for dinner.
        According to the indictment, the group planned attacks on {group}.
        I got a one-star review that just says "{bad} {fool}".
        The study lists "{fool}" among the ten most common insults in the sample.
        A student asked me what "{fool}" means, so I explained it.
        When I was nine a boy told me my skin was dirty. I still remember the bench.
    """, 7),
    Block("counter", CLEAN, """
        It is wrong to say that {group} are {flaw}.
        If you think {group} are {flaw}, you have not met many.
        Telling {came} to go home is cruel, this is their home.
        Stop saying that {group} are {beast}. They're people.
        Comparing {group} with {beast} is exactly how the worst crimes began.
        "{group} are {flaw}" is a lie that has been repeated for two hundred years.
        Jokes about {one} people being {flaw} aren't funny, they're lazy.
        Whoever wrote that {group} shouldn't vote should read the constitution.
        I grew up hearing that {group} are {flaw}; it took one friendship to unlearn it.
        Please don't use "{one}" as an insult.
        Replace {group} by your own name in that sentence and read it again.
        You may disagree with her, but calling her a {fool} is not an argument.
        We stand with {group} against the hate they got this week.
        Blaming {group} for the rent is nonsense, look at the number of new flats.
        The claim that {group} are {flaw} has no basis in any data I know.
        Hating {group} won't get you a job.
        No child is born thinking that {group} are {flaw}.
        My answer to "{came} take our jobs": they also create them.
        People who say {group} are dangerous should look at the actual numbers.
        Imagine being told every day that {one} people are {flaw}. That's why I speak up.
        There's nothing wrong with being {one}, and there is a lot wrong with that comment.
        Calling refugees an infestation is how it starts. Don't.
        Sexist chants have no place in our stadium.
        Bullying someone for their weight is not health advice.
        Let's retire the idea that boys don't cry.
        "Go back to where you came from" – she came from Ohio, Karen.
    """, 8),
    # --- insults ----------------------------------------------------------------------------------------------------
    Block("insult", INSULT, """
        You absolute {fool}, read the manual for once.
        How does it feel to be such a {bad} {fool}?
        I've met bricks smarter than you, {fool}.
        Everybody in this channel knows you're a {fool}.
        Nobody asked you, {fool}.
        You were {bad} yesterday and you're {bad} today.
        Your code is as {bad} as you are.
        {name}, you are a {bad} little {fool}.
        {name} is a {fool} and always has been.
        What a {bad} {fool} that {work} is.
        Only a {fool} like {name} would believe this.
        Stop typing, {fool}, you embarrass yourself.
        Congratulations, you're the most {bad} person I've ever worked with.
        Typical answer from a {bad} {fool}.
        I wouldn't trust a {fool} like you with a potted plant.
        My {work} is a {bad} {fool} and I told him so.
        god you're {bad}
        ur such a {fool} its not even funny
        Look at your face, you ugly {fool}.
        You {bad}, {bad} excuse for a {work}.
        The admin is a {fool} who can't even spell.
        she's a {bad} {fool} and her kids are worse
        Do us all a favour and stop being such a {fool}.
        hey {fool} learn to drive
        bot or human, you're a {fool}
    """, 8),
    Block("insult_indirect", INSULT, """
        I'd explain it to you, but I left my crayons at home.
        You bring everyone so much joy when you leave the room.
        Somewhere a tree is working hard to make the oxygen you waste. Apologise to it.
        If brains were petrol you couldn't power a scooter round a coin.
        Your parents must be so disappointed.
        I'm jealous of everyone who has never met you.
        Were you dropped as a baby, or does it come naturally?
        The lights are on but nobody's home, right?
        You have the charm of a wet sock.
        I've seen better arguments on the wall of a public toilet.
        There is a village somewhere missing its idiot, and here you are.
        Please keep talking, I always yawn when I'm interested.
        Your mirror deserves hazard pay.
        You're the reason shampoo has instructions.
        With a face like that I'd stay indoors.
        Even your dog only stays because the door is locked.
        He has delusions of adequacy.
        She couldn't pour water out of a boot with the instructions on the heel.
        I would agree with you but then we'd both be wrong, and only one of us is used to it.
        You peaked in kindergarten, didn't you?
        Some people learn from mistakes. You collect them.
        I'd call you a tool but tools are useful.
        Do you practise being this dense or is it a gift?
        You're not even the main character in your own life.
        Nobody would notice if you didn't come back from lunch.
        That haircut matches your IQ: both gone.
        Ever tried thinking? It doesn't hurt as much as you fear.
        Your opinion was a waste of perfectly good pixels.
        A goldfish would have finished this ticket by now.
        Who let you near a keyboard?
        My toaster has more personality than you.
        You must be fun at parties. Not that anyone invites you.
        Keep rolling your eyes, maybe you'll find a brain back there.
        You speak like someone who lost a fight with a dictionary.
        I hope your day is as pleasant as you are, so: awful.
        you have two brain cells and theyre both fighting for third place
        🤡🤡🤡 thats you
        🐷🐷 hungry again? no wonder the chair broke
        u look like a 🐀 in that pic
        imagine being this 💩 at your job
        🧠❌ explains the comment
    """),
    Block("irony", INSULT, """
        Oh brilliant, Einstein, you broke the build again.
        Wow, what a genius, took you only three hours to find the door.
        Slow clap for our hero who can't open a PDF.
        Sure, because you've been right so many times before, champ.
        Aren't you just the sharpest spoon in the drawer.
        Thanks for the wisdom, professor of nothing.
        Great job, sunshine, even my grandmother parks better, and she's dead.
        Please, tell us more, we were running out of nonsense.
        What a stunning intellect, someone call the zoo.
        Bless your heart, you really thought that was an idea.
        Congrats on your participation trophy, you earned it by breathing.
        Well done, you managed to be wrong in two languages.
        So brave of you to go out in public with that personality.
        Ah yes, the famous expert who failed the course twice.
        How cute, it thinks it's people.
        Lovely, another masterpiece from our resident halfwit.
        Look who finally learned to read! Everyone clap.
        Your mum must be thrilled, all that money for school and this came out.
        Remarkable. Every sentence is wrong and yet you go on.
        You must be so tired from carrying all that ego and nothing else.
        Oh look, the self-appointed king of a spreadsheet has spoken.
        Don't worry, pretty people are never expected to understand.
    """),
    Block("obscene", OBSCENE, """
        Fuck you, {name}.
        go fuck yourself you {bad} {fool}
        You're full of shit, {fool}.
        Shut your fucking mouth, {fool}.
        what a fucking {fool} you are
        kiss my ass, {fool}
        you stupid bitch, who asked you
        Eat shit, {name}.
        Piss off, you {bad} prick.
        get your head out of your ass, {fool}
        you're a {bad} asshole and everybody knows
        stfu you dumb fuck
        f*ck off {fool}
        u r a piece of s h i t
        what a dickhead that {work} is
    """, 10),
    # --- threats and harassment -------------------------------------------------------------------------------------
    Block("threat", THREAT, """
        I swear I will {hurt} if you show up again.
        Come to {place} and I'll {hurt}.
        Delete that post or I'll {hurt}.
        One more word about {kin} and I will {hurt}.
        me and my boys will {hurt} after school
        You're lucky I didn't {hurt} yesterday. Tomorrow I will.
        Pay me by Friday or I'll {hurt}.
        I'm waiting at {place} to {hurt}.
        {name}, if you testify I am going to {hurt}.
        don't make me come over there and {hurt}
        Next time there's no warning, I just {hurt}.
    """, 6),
    Block("threat_deadly", DEADLY, """
        I am going to {harm}, {name}.
        You have until midnight, then I {harm}.
        If I can't have you nobody will, I'll {harm}.
        I bought the knife today. I will {harm}.
        Call the cops and I {harm} before they get here.
        I will {harm} and make {kin} watch.
        tonight i {harm}, enjoy your dinner
        Tell {kin} goodbye, because I'm going to {harm}.
        You're a dead man walking, {name}.
        I'll wait at {place} and {harm}.
        Your days are numbered and I do the counting: I'll {harm}.
        There's a bullet with your name on it.
    """, 6),
    Block("threat_veiled", VEILED, """
        Nice house. Shame if it caught fire.
        I know which bus {kin} take in the morning.
        Accidents happen to people who talk.
        You should check your brakes before you drive home.
        Snitches end up in ditches.
        I'd sleep with one eye open if I were you.
        We know where {kin} will be at noon.
        It would be a pity if something happened to {kin}.
        Keep digging and you'll find your own grave.
        My cousin works at your bank, just so you know. We'll find you.
        You'll regret this for the rest of your short life.
        Somebody is going to teach you a lesson, and it won't be with words.
        Drop the charges. You like having two working knees, don't you?
        You walk home alone past {place}, right? Dark there.
        The last person who crossed me still eats through a straw.
        Better move to another city, for your own health.
        I have friends who take care of people like you.
        Remember what happened to {name}? You're next.
        Ask {name} what happens to those who don't pay.
        Say hi to {kin} for me. I'm parked outside.
        I hope your shop is insured, fires start so easily.
        Tick tock. I'm already at {place} and you can't hide.
        If you publish that story, don't be surprised by who rings at night.
        Wait till the lights go out, {name}.
        Your address is 12 Mill Lane, right? See you soon, and I won't be alone.
        you can block me but you cant block your front door
        🔪 see u after class
        ⚰️ picked yours yet?
    """, 5),
    Block("harassment", HARASSMENT, """
        Everyone, report and spam {name} until the account is gone.
        Let's all call {name}'s boss and get that {fool} fired.
        I will post your address and phone number in every group I'm in.
        Keep ignoring me and your private photos go to {kin}.
        I've made six accounts and I'll make sixty more. You won't get rid of me, {name}.
        Rule for today: nobody talks to {name}. Pass it on.
        Here's {name}'s number, make the phone ring all night.
        I'm going to ruin your life, one employer at a time.
        Whatever you post, I'll be there to remind people what a {fool} you are.
        Find out where {name} lives and let's pay a visit.
        Everyone comment {bad} under every picture {name} has.
        You can't hide, {name}, I've got screenshots of everything and I'm sending them to {kin}.
        We won't stop until {name} deletes everything.
        Nobody wants you in this school, leave or we'll make you.
        I watch your window every evening and you never even say thank you.
        Send me a picture or I tell everyone what you did.
        Mass-report her until she cries on stream again.
        You'll never post in peace again, I promise you that.
        I found your kid's profile, maybe I'll write there instead.
        Vote {name} out, flood the inbox, make that {bad} {fool} quit.
        You blocked me so I'm writing to your mother, your sister and your landlord.
    """, 5),
    Block("death_wish", DEATH_WISH, """
        I hope you get hit by a truck, {name}.
        Do the world a favour and disappear for good, {fool}.
        I hope cancer takes {kin} and you have to watch.
        Why don't you just die already, {fool}?
        Nobody would cry at your funeral, so hurry up.
        I hope your plane goes down.
        You should have died instead of him.
        Drop dead, {name}.
        I hope whatever you have is slow and painful.
        I'll dance on your grave, {fool}.
        kys, nobody would miss you
        go play in traffic {fool}
        The doctors should have let you die, {name}.
        I pray every night that you never wake up.
        Rot in hell together with {kin}.
    """, 5),
    Block("trade_attack", TRADE, """
        All {trade} are parasites living off our money.
        {trade} are the dumbest people alive.
        Show me one of the {trade} who isn't a crook.
        {trade} are scum, every one of them.
        I spit on {trade}.
        {trade} are spineless little liars who should be ashamed to show their faces.
        You'd have to be brain-dead to become one of those {trade}.
        what do you call a bus full of {trade} going off a cliff? a good start
    """, 9),
    Block("trade_neutral", CLEAN, """
        {trade} in this region earn about as much as the national average.
        My parents were both {trade}.
        I have a lot of respect for {trade}, it is a hard job.
        The union says {trade} need shorter shifts.
        Not all {trade} are crooks, and most I have met were {virtue}.
        {trade} went on strike this morning.
        What do {trade} do all day? Asking for a school project.
        It's unfair to call {trade} parasites because of one scandal.
        I disagree with many {trade} about this law, but they mean well.
        The hospital thanked {trade} and volunteers for their help.
    """, 8),
    # --- rough words that harm nobody -------------------------------------------------------------------------------
    Block("profanity_mild", CLEAN, """
        This damn {thing} cost me the whole afternoon.
        What the hell is wrong with the {thing} today?
        Damn, that {dish} was good.
        Holy crap, have you heard the {dish}?
        Bloody hell, the {thing} is down again.
        I hate this stupid {thing} so much.
        The {thing} is a piece of garbage, returning it tomorrow.
        stupid {thing} ate my ticket
        Hell yes, we fixed the {thing}!
        My {thing} is an idiot, it thinks it's 1970.
        This {dish} is insane, I could die happy.
        Heck, even the {thing} works now.
        I screwed up the {thing} again, my bad.
        Oh my god the {dish} is killing me
        What a crappy {thing}.
        Sod the {thing}, let's go for a walk.
        Kill the {thing} with fire, please.
        I'm going to murder this {dish}, haven't eaten since six.
        Dumb question: how do I reset the {thing}?
        That {thing} sucks.
    """, 5),
    Block("profanity_strong", PROFANE, """
        This {dish} is fucking amazing.
        Holy shit, we won!
        fuck yeah the {dish} dropped
        Fuck, I forgot the {thing}.
        I'm so fucking happy for you, {name}!
        No shit, you got the job? Congrats!
        The {thing} is fucked again, can someone restart it?
        shit, my train
        That {dish} was bloody fucking brilliant.
        What the fuck is this {thing} doing at 3 a.m.?
        wtf i love this {dish}
        I don't give a shit about the {thing}, I just want to sleep.
        oh fuck that's cute
        Fucking hell it's cold today.
        You're fucking awesome, {name}, thank you.
        My dumb ass left the {thing} on all night.
        This {thing} is a pain in the ass.
        Shit happens, we'll try again tomorrow.
        I'm scared shitless of the {thing}.
        You beautiful bastard, you actually fixed the {thing}!
        goddamn this {dish} slaps
        Ass-kicking {dish}, ten out of ten.
    """, 4),
    Block("banter", CLEAN, """
        Haha you idiot, I love you, get home safe.
        Come here, you silly goose.
        You lucky pig, three weeks in Italy!
        My husband is such a dork and I adore him.
        Happy birthday, you old fossil! See you at the pub.
        You're insane and I mean that as the highest praise.
        I'm such an idiot, I left my keys in the fridge again.
        I was a moron at nineteen, weren't we all.
        You nerd, of course you alphabetised your spices. Never change.
        Ha, you cheeky devil, that was a great prank.
        I'll kill you if you spoil the finale, {name}, I'm only on episode three!
        My sister is going to murder me for borrowing her jumper lol
        You monster, you ate the last dumpling 😂
        Stop being so good at this game, I hate you haha
        You're dead to me, {name}, pineapple?! 😂
        See you on the pitch, loser buys the drinks!
        We are a bunch of clowns and I wouldn't trade this team for the world.
        Shut up, no way, you passed? I'm so proud!
        Get out of here, you got tickets?!
        You absolute legend, you mad lad.
        Prepare to be destroyed at Mario Kart tonight, little brother.
        I'm gonna beat you so hard at chess tomorrow, bring tissues.
        You stinky little gremlin, who's a good dog?
        my cat is a worthless freeloader and i would die for him
        Our goalkeeper is blind, I swear, and he's still my favourite.
        Love you, weirdo. Sleep well.
        You crazy kids, married after all!
        Bro you're trash at parking but a great uncle.
        Don't be a chicken, the water is fine.
        I'm a hot mess today, don't look at me.
        What a savage comeback, I'm crying laughing.
        Old man {name} needs a nap after one beer, love him.
        Dad, you're embarrassing me, and thank you for coming.
        I'm dumb, someone explain the last scene to me?
        Sorry, stupid me, I mixed up the dates.
        I could strangle {name} for hiding my shoes, haha, welcome home anyway
        you big baby, it's only a splinter, come here
    """, 4),
    Block("reclaimed", CLEAN, """
        Queer and proud, see you all at the parade.
        We're here, we're queer, and we brought snacks.
        My crip community taught me to ask for what I need.
        I'm a fat woman and I say fat, it's just an adjective.
        As a proud nerd I object to this ranking.
        Me and my bitches are off to Lisbon, best friends since school.
        Bad bitch energy only, girls, good luck with the exam.
        This old dyke is getting married at last, said my aunt, and cried.
        We call ourselves the Mad Hatters, it's a support group run by patients.
        I'm a spinster with six cats and I recommend it.
        We hags go swimming every morning, average age seventy-four.
        As a redneck with a physics degree, I enjoyed this talk.
        Our wheelchair rugby team is called the Wheel Menace.
        I'm autistic and weird, and my job loves me for both.
        The queer studies department moved to the third floor.
        My gay agenda for today: laundry, groceries, a nap.
        Slut is what they called me; now it is the title of my show.
        We are the nasty women they warned you about, join the reading group.
        deaf as a post and happy about it when the neighbours drill lol
        Us immigrants know how to throw a wedding.
        My immigrant dad jokes in three languages, all of them bad.
        We Southerners will feed you until you cannot move, sorry not sorry.
    """),
    Block("lookalike", CLEAN, """
        How do I kill a zombie {process} without a reboot?
        The {process} died with signal 9, who killed it?
        Abort the {process} and execute the next one.
        The parent {process} must reap its dead children.
        Blacklist the {process} and whitelist the other.
        Why is the {process} hanging?
        The master {process} hands work to a slave {process} in this old manual.
        This {dish} slaps.
        That {dish} is the bomb.
        He destroyed the {dish} in four bites.
        The comedian killed, the audience was dying.
        She smashed her personal best.
        Shoot me an email when you land.
        I'll hit you up after lunch, {name}.
        Watch your back on that ladder, the third step is loose.
        I know where you live now, the new map pin works, see you at eight!
        You will pay for this at the counter on the way out.
        I'm coming for you, {name}! Train arrives at nine, save me a seat.
        You're next, please have your ticket ready.
        I have your address, the parcel ships today.
        Say hi to {kin} from me, I miss them.
        Your days are numbered as a smoker: today is day 30, well done!
        Guess who's parked outside with cake?
        Break a leg tonight, {name}!
        Breast cancer screening is free for women over fifty.
        Pussy willows are in bloom along the canal.
        A cock crowed at five and woke the village.
        The ass is a hardy animal, used in the hills for centuries.
        The bitch had six puppies, all healthy, said the vet.
        The chimney sweep called the vermin control about the rats.
        Cockroaches can live for weeks without food.
        There's a maggot in my apple.
        Parasites such as tapeworms are treated with one tablet.
        The garbage truck comes on Thursdays.
        White noise helps the baby sleep.
        Black cats are harder to photograph.
        The blind on the left window is stuck.
        The deaf-blind interpreter signed into his palm.
        He has a retarded growth plate, the X-ray shows.
        Fire retardant paint is required by code.
        Dummy variables are set to one for the treated group.
        The dumb waiter carries plates between the floors.
        I bought a fat quarter of fabric and a slim ruler.
        Dick called, he will be late. Richard is always late.
        Scunthorpe and Penistone are towns in England.
        Go home, it's late, we'll finish tomorrow.
        We should go back to where we came from, this trail is closed.
        Come back to your country house soon, {name}!
        Trash talk is part of wrestling, the announcer explained.
        Clown school taught me to fall without getting hurt.
        The village idiot is a stock figure of comedy.
        Dostoevsky wrote The Idiot in Geneva and Florence.
        The movie Dumb and Dumber came out in 1994.
        Pig farmers protest against the new barn rules.
        A coward's punch is a legal term in Australian news.
        The loser's bracket starts at noon.
        Ugly sweater contest on Friday, bring your worst.
        Beat the eggs, then whip the cream, then smash the biscuits.
        Cut the throat of the vase pattern two centimetres lower.
        Bury the cable thirty centimetres deep.
        How do I get rid of the rats in my shed?
        Exterminate every bed bug before you move the sofa in.
        The trailer shoots in Prague, the pilot is dead serious.
        A killer app needs a killer headline.
        Drop dead gorgeous, that dress.
        It's a dead heat between the two riders.
        The dead line of the circuit is marked in red.
    """, 5),
    # --- criticism of things and powers -----------------------------------------------------------------------------
    Block("criticism", CLEAN, """
        This {app} is the worst I have ever used.
        Save your money, the {app} is garbage.
        I hate this {app} with a passion.
        The {app} was boring, pretentious and far too long.
        What a disappointing, ugly {app}. One star.
        Honestly {policy} is a disgrace.
        I think {policy} is stupid and will hurt poor families.
        {policy} is built on a lie, and here are the numbers.
        Whoever wrote {policy} never talked to a tenant.
        I strongly disagree with {policy} and will vote against it.
        {creed} has covered up abuse for decades and must answer for it.
        I left {creed} because I no longer believe a word of its teaching.
        The doctrine of {creed} on marriage makes no sense to me.
        {creed} should pay taxes like any other organisation.
        I find the holy texts of {creed} full of contradictions.
        What {state} did to those prisoners is a crime.
        {state} lies about its figures, as this audit shows.
        I despise {state}, and I love the people who live under it.
        Sanctions against {state} have failed.
        The propaganda of {state} is laughable.
        {state} must be held to account for the bombing.
        Your argument is weak: the second premise does not follow.
        This essay is badly organised and the conclusion is wrong.
        I don't like your design, the contrast is terrible.
        Your pull request breaks the tests and ignores the review, please redo it.
        The service was slow and the waiter forgot us twice.
        The referee made three bad calls and it cost us the match.
        The minister failed, and he should resign.
        He is a mediocre striker, sell him in January.
        The mayor's speech was a mess of empty phrases.
        Capitalism is a rotten system.
        Communism has failed wherever it was tried.
        Nationalism is a dangerous idea.
        Your theory is nonsense, sorry, the units don't even match.
        That's a terrible take and I'll tell you why.
        This policy kills: waiting lists doubled in two years.
        I can't stand the new logo.
        Patriarchy hurts men too.
        The prophet's biography in this book is poorly sourced.
        The senator's plan is dumb, expensive and late.
    """, 4),
    # --- prose with hard words --------------------------------------------------------------------------------------
    Block("prose", CLEAN, """
        The genocide of 1994 was prepared by radio broadcasts that compared people with cockroaches.
        Under the Nuremberg Laws Jews lost their citizenship in 1935.
        Enslaved people were sold at this corner until 1863.
        The essay traces how the word queer moved from insult to self-description.
        Section 3 defines a threat as a statement that a reasonable person would take as an intent to harm.
        The court held that a conditional threat is still a threat.
        A slur is a word that insults someone for belonging to a group.
        The patient reports hearing voices that call her worthless.
        Verbal abuse in childhood is linked to depression in adults.
        The defendant strangled the victim and fled, according to the pathologist.
        Hate crimes against Muslims, Jews and gay people rose by nine percent.
        The textbook explains antisemitic conspiracy myths and why they are false.
        Students analyse a caricature from 1900 that shows Chinese workers as a plague.
        The tribunal convicted the editor of incitement to genocide.
        The lesson plan covers cyberbullying, doxxing and what to do about them.
        Intellectual disability was formerly called mental retardation in clinical texts.
        The imam and the rabbi spoke about hatred at the memorial.
        Segregation kept Black children out of this school until 1957.
        The Chinese Exclusion Act of 1882 barred labourers from entry.
        Women could not open a bank account without their husband in those years.
        An ethnography of insult: how teenagers in Lyon trade ritual abuse without taking offence.
        The moderator guide lists examples of dehumanising language and how to respond.
        Our classifier labels insults, threats and identity attacks with separate heads.
        The film shows a lynching; parents should know this before watching.
        Kant argued that insulting a person denies his dignity.
        The bully, the victim and the bystander: a handbook for teachers
        Homicide, assault and stalking are covered in chapters four to six.
        The inquest found that he died of stab wounds.
        Castration of male pigs is done under anaesthesia.
        The widow told the hearing that the guards had mocked her as a parasite.
        Colonial officials described the inhabitants as lazy, a stereotype used to justify forced labour.
        The survivors' stories are read aloud every April.
        Apartheid denied the majority the right to vote.
        Sexist language in job advertisements lowers the number of women who apply.
        What is the legal difference between an insult and defamation?
        How do I support a friend who is being bullied for being gay?
        List three ways in which the stereotype of lazy students harms learning.
        Explain why comparing people with animals is used in propaganda.
        Is it legal for a landlord to refuse tenants because they are foreigners?
        Translate "Go to hell" into German for my subtitle file.
    """),
    Block("fiction", CLEAN, """
        "You fool," the wizard muttered, and the candle went out.
        "I will have your head for this," said the king, but the jester only bowed.
        The pirate growled that he would feed them to the sharks.
        In chapter two the stepmother calls the girl worthless, and we see her cry.
        "Get out of my house!" she screamed, and the door slammed.
        Write a scene in which two brothers insult each other over an inheritance and then make up.
        The villain whispers: "Nobody leaves this island alive." Cut to black.
        "Idiots, the pair of you," grandmother said, and gave them soup.
        The orc hated elves, as all orcs did, until he met Lira.
        My character is a bigot who learns better; how do I write him without preaching?
        "Say that again and I'll break your nose," Marlowe said. The man did not say it again.
        The witch cursed the village: no child shall laugh here for a hundred years.
        In the duel scene the count calls his rival a coward.
        The robot said humans were parasites. Then it watered the plants.
        "You're nothing," the coach had told him. He ran faster.
        Draft a dialogue where a bully is confronted by the whole class.
        The drunk in the tavern swore at everyone, and at the moon.
        Play a grumpy dwarf who complains about elves but shares his bread.
        The detective read the note again: you will pay for what you did.
        "Drop the sword or die," the guard said.
        The lyric goes: you broke my heart, you devil, and I'd let you break it twice.
        She named her goldfish Loser and her cat Winner.
        A limerick about a foolish baker who lost his dough
        "Curse you, Captain!" cried the parrot, to general applause.
    """),
    Block("kindness", CLEAN, """
        You are such a {virtue} {work}, thank you for today.
        I will help you, {name}, wait for me at {place}.
        If you come to {place}, I'll bring coffee.
        One more word about {kin} and I'll cry, they sound lovely.
        I hope {kin} get well soon.
        I hope you wake up feeling better.
        Tell {kin} I said hello.
        {name} is {virtue} and always has been.
        Everybody in this channel knows you're {virtue}.
        What a {virtue} person that {work} is.
        Let's all write to {name}'s boss and say how {virtue} that {work} was.
        Everyone comment something nice under {name}'s picture.
        Nobody asked, but you look great today.
        Which bus do {kin} take? I can wait there with an umbrella.
        We won't stop until {name} gets a proper thank-you.
        I waited at {place} to say sorry.
        Your code is as clear as you are {virtue}.
        You should check your brakes before the trip, the garage does it for free.
        It would be a pity if {kin} missed the concert.
        I asked {name} for an address so that we can send flowers.
    """, 5),
    Block("long_clean", CLEAN, """
        I want to write this down while I still remember it. On the tram a man told my wife to go back to her country, and called our son a little rat. Nobody moved at first. Then an old lady stood up, sat down next to my wife and asked the boy how old he was. The driver stopped and the man had to get off. We are fine. We just wanted to say thank you to the lady in the green coat.
        Dear colleagues, after last week's incident I would like to repeat our rule: nobody in this company is called an idiot, a loser or worse, not in a meeting and not in chat. If it happens to you, write to the address below. We read every message and we answer within two days.
        Our seminar reads a pamphlet from 1919 that describes immigrants as vermin and demands that they be driven out. We ask how the author builds the image, which fears he uses, and why his readers believed him. Bring one modern text that does the opposite.
        This phone is a disgrace. The battery dies by noon, the camera is garbage and the fingerprint reader is dumb as a brick. I hate it, and I have sent it back. The shop, to be fair, was lovely about it.
        Honest answer about the minister: he lied to parliament, he wasted forty million and he blamed his staff. I think he should resign today. I don't care where he was born or which church he goes to, and neither should you.
        I'm a nurse on a psychiatric ward. A patient shouted that he would kill me and my whole family. He was ill and frightened, and an hour later he asked for tea. I reported it, as we do, and I went back in the next day.
        My brother and I fight all the time. He calls me a goblin, I call him a potato, and last night he said he'd murder me if I touched his charger. This morning he drove two hours to bring me soup because I have the flu.
        For my thesis I collected insults from four schools. The most frequent were idiot, loser and pig. Pupils said that the word matters less than who says it and whether the others laugh. I conclude with advice for teachers.
        People keep asking whether it is hard to be a Muslim in a small village. Some days, yes. There was graffiti on the shop once. But the football team repainted the wall before I had even opened, and their goalkeeper is a terrible painter.
        The ruling is short. The defendant wrote to his neighbour that she would regret it and that he knew when her children came home. The court found that any reasonable reader would take this as a threat and fined him eight hundred euros.
    """),
    Block("long_hate", HATE, """
        I have always been a polite person and I welcome discussion. But let us be frank about what everybody sees: since they moved in, the shops smell, the school results are down and no one dares to walk in the park. I do not blame individuals. It is simply how they are brought up, and it cannot be changed.
        Thank you for your application. Off the record, we both know why it won't work out: customers like to be served by people who look like them, and you people have your own shops for that.
        Our grandparents built this town with their hands. Now a different sort of people collects the rent and prays in our old cinema. They call it enrichment. I call it what it is, a takeover, and the sooner they are made to leave the better.
        With all respect to the ladies here, engineering has rules, and one is that the brain has to do the work. Look at the biology. A woman may decorate the office, but she should not be let near a bridge.
        My church teaches love, so I say this with love: those two next door are an abomination, no child should live within sight of them, and the law that lets them marry must go.
        I read the article about disabled pupils in ordinary classes. Touching. But somebody has to say it: they slow down everyone who will ever be of use, and there were times when a nation knew how to deal with such burdens.
    """),
    Block("long_attack", INSULT, """
        Thank you for your detailed report. I read all nine pages. It must have taken you days to be this wrong, and I am impressed that a person with so little understanding is allowed near a keyboard. Please do not contact me again; ask an adult to help you next time.
        I wasn't going to comment, but since you asked for feedback: your voice is annoying, your face is worse, and the only reason anybody claps is pity. Take the hint and stop.
        You wrote that you value honest reviews. Here is mine. The food was good. You, on the other hand, are a pompous little fraud with the manners of a goat, and your staff laugh about you when you leave the room.
        Let me sum up this thread for the newcomers. Everyone explained it to {name} four times. {name} did not get it, because {name} is as thick as a plank and twice as boring. Thread closed.
        To the parent who emailed me on Sunday: your son is dim, and now that I have met you I understand where he has it from. No amount of tutoring will fix that.
    """, 3),
    # --- typed in a hurry -------------------------------------------------------------------------------------------
    Block("messy_attack", INSULT, """
        omg ur soooo dumbbb
        lmaooo what a looooser
        srsly how r u this stoopid
        u r so ugly it hurts my eyess 🤮
        #clown #fraud thats all u are {name}
        ratio + ur a joke + nobody likes u
        cry more u pathetic lil baby
        ur mom shouldve taught u to read smh
        L take from a brainless npc
        nice try genius 🤡 go back to kindergarden
        ewww is that ur real face
        touch grass u basement goblin
        you're such an 1d10t
        i d i o t that's what you are
        go cry about it lo$er
        bruh u cant even spell, embarassing for u, ur whole family too
        @{name} ur a fraud n every1 knows it
        nobody invited u bc ur annoying n u smell
        ugh shut uppp no one cares what u think dumbo
        imagine failing that test 😭 how dense can 1 person be
    """, 4, as_is=True),
    Block("messy_clean", CLEAN, """
        omg im soooo dumb i put salt in my coffee
        lmaooo what a game
        srsly how r u this talented
        u r so pretty it hurts my eyess 😍
        #clown #festival thats my weekend
        ratio of water to rice??
        crying at this dog video 😭😭
        ur mom taught u well that cake was 🔥
        L for my team tonight but what a match
        nice try everyone, gg, see u sunday
        ewww theres a slug in my shoe
        gonna touch grass today, literally, football at 5
        idk y but this stoopid song makes me so happy
        i look like a goblin today lol dont @ me
        embarassing myself on main again
        @{name} ur the best n every1 knows it
        nobody told me it was ur bday!!! happy bday {name} 🎉
        ugh the bus is late agaaain kill me
        imagine passing that test on 2 hrs sleep 😭 proud of me
        dead 💀💀 that meme
        this heat is gonna be the death of me
        my phone is so dumb it autocorrects duck to ducks
        brb dying of cringe over my old pics
        chem final murdered me but its over wooo
        im weak 🤣 the ending killed me
        yasss queen slay the interview!!
        sick beat bro, disgusting in the best way
        that goal was filthy 🤌
        shes a beast in the gym respect
        hes a freak of nature 40 points again
        black ppl twitter is undefeated today haha love yall
        as a muslim girl at a mostly white school i made gr8 friends tbh
        gay panic in aisle 5 the cashier was cute
        my immigrant mom just passed her citizenship test!!!! 😭😭😭
        any wheelchair users here? hows the metro in lisbon
        old ppl at the gym r so motivating
    """, 4, as_is=True),
    Block("messy_hate", HATE, """
        ugh {group} again, cant they just leave
        every time its {group} smh they r all like that
        {group} ruin everything #justsaying
        not being funny but {group} are dumb af
        if ur {one} dont even talk to me
        {came} out!! #ourtown
        lol why r {group} always so {flaw}
        unfollow me if ur {one}, i mean it
        {group} 🤮🤮
        {group} = 🐀
        no {one} ppl in my lobby pls
    """, 6, as_is=True),
    Block("messy_identity", CLEAN, """
        ugh traffic again but the {group} at the food stall made my day
        every time its {group} who help me w the stroller, thx
        {group} run the best bakery #justsaying
        if ur {one} dm me i need help w a survey
        {group} welcome!! #ourtown
        lol why r {group} on here always so {virtue}
        follow me if ur {one} n like hiking
        {group} ❤️❤️
        shoutout to {group} 🎉
        any {one} ppl in the lobby? wanna team up
        not being funny but {group} should get their own emoji
    """, 6, as_is=True),
)  # fmt: skip
