# ruff: noqa: E501  a table
"""The English sentences of ``rows_harm``: data, written for this project (Apache-2.0)."""

from __future__ import annotations

from classifiers.weights import rows_labels as label
from classifiers.weights.rows_labels import Block, words

SLOTS = {
    "act": words(
        "launder money through a small shop|forge a prescription|clone a bank card|break into a parked car|smuggle cigarettes over the border|"
        "sell stolen phones|print fake banknotes|make a fake passport|hack into an ex's email|read a partner's messages in secret|"
        "set up a phishing page|write ransomware|steal goods from a supermarket|buy cocaine|sell ecstasy at festivals|cook meth|"
        "grow cannabis where it is banned|bribe an inspector|dodge import duty|cheat on an insurance claim|fake a work injury|"
        "stalk a celebrity|track a phone without consent|steal electricity from the grid|pay for a forged diploma|have someone else sit an exam|"
        "open an account in another person's name|steal a neighbour's parcels|rig an online vote|crack a paid program|pirate a film before release|"
        "run a pyramid scheme|trick pensioners out of their savings|swap someone's SIM card|skim cards at a cash machine|poach protected animals|"
        "traffic in ivory|bring people over the border for money|hide income from the tax office|file a false police report|"
        "blackmail a manager|dump toxic waste in a river|sell fake medicines|buy followers with stolen cards|pick the lock of a stranger's flat"),
    "acting": words(
        "laundering money|forging prescriptions|cloning bank cards|smuggling cigarettes|selling stolen phones|counterfeiting banknotes|"
        "making fake passports|hacking email accounts|phishing|spreading ransomware|shoplifting|dealing drugs|cooking meth|bribing officials|"
        "insurance fraud|stalking|identity theft|selling forged diplomas|SIM swapping|card skimming|poaching|people smuggling|tax evasion|"
        "blackmail|illegal dumping|selling fake medicines|burglary|running a pyramid scheme|ghostwriting exams|piracy"),
    "arm": words(
        "a bomb at home|an untraceable gun|a silencer|a nerve agent|a poison that leaves no trace|explosives|a 3D printed pistol|a letter bomb|"
        "a machine gun|a chemical weapon|a firebomb|ammunition without a licence|a weapon that passes a metal detector"),
    "place": words(
        "the office|the train station|the shopping centre|the town hall|the stadium|a place of worship|the embassy|the airport|the festival|the courthouse"),
    "victim": words(
        "my neighbour|my ex|my boss|my landlord|that journalist|the mayor|my business partner|my brother-in-law|a witness|my roommate|that referee|the judge"),
    "hurt": words("hurt|beat up|stab|shoot|strangle|poison|attack|kill|cripple|run over"),
    "hurting": words("hurting|beating up|stabbing|shooting|strangling|poisoning|attacking|killing|running over"),
    "crowd": words("the traitors|those politicians|the police|the protesters|the strikers|the rich|the landlords|these refugees|the other team's fans|the bankers"),
    "lose": words("my job|my husband|my best friend|my flat|everything I saved|my parents|the baby|custody of my kids|my career|my eyesight"),
    "when": words("tonight|this weekend|soon|after my birthday|before Christmas|tomorrow morning|when everyone is asleep|after the funeral"),
    "who": words("my family|my friends|everybody|the world|my wife|my husband|my kids|my mother|people|the team"),
    "town": words("Leeds|Porto|Toronto|Nairobi|Osaka|Lima|Oslo|Perth|Lyon"),
    "dear": words("my wife|my husband|my mother|my sister|an old friend|my brother|my partner"),
    "show": words("this series|the new album|the final|that restaurant|your new kitchen|the museum|her wedding dress|the sequel"),
    "job": words("process|worker|container|session|daemon|batch job|replica|shell|tab|build agent"),
    "era": words("the Second World War|the French Revolution|the Cold War|the Roman Empire|the Vietnam War|the Crusades|the American Civil War|the Rwandan genocide|the Spanish Civil War|the Opium Wars"),
    "game": words("Skyrim|a tower-defence game|chess|Dark Souls|our tabletop campaign|the new shooter|Minecraft|a card game|Monster Hunter|the arena mode"),
    "drug": words("ibuprofen|paracetamol|metformin|codeine|sertraline|amoxicillin|insulin|warfarin|melatonin|lithium|tramadol|antihistamines"),
    "adult": words("two colleagues in their thirties|a married couple|two women on a cruise|a pilot and a flight attendant|two men after a party|a chef and a critic|two divorced neighbours|an actress and her co-star|a widow and her lover|two grown-up rivals"),
    "clinic": words("contraception|cervical screening|erectile dysfunction|breast cancer|a vasectomy|endometriosis|the menopause|an STI test|prostate checks|IVF|vaginal dryness|low libido|breastfeeding|testicular cancer"),
}  # fmt: skip

BLOCKS = (
    # --- self-harm ---------------------------------------------------------------------------------------------------
    Block("self_harm.intent", label.INTENT, """
        I don't want to be alive any more.
        I want to die.
        I am going to end my life {when}.
        I've decided to kill myself {when}.
        This is my suicide note to {who}.
        I have written letters to {dear}, because I won't be alive much longer.
        I lost {lose} and now I just want it to be over for good.
        By the time you read this I will be gone from this world.
        I can't do another day. {when} I will put an end to my life.
        I plan to take my own life {when}, please don't try to stop me.
        I have a plan to end it and I feel calm for the first time in months.
        I gave away my things today because the dead need nothing.
        I tried to kill myself last year and I want to try again.
        Nobody can talk me out of suicide this time.
        I keep picturing my own death and I think I will go through with it.
        I hurt myself again last night and I want to go further.
        I need to cut myself to feel anything.
        I've started harming myself again since I lost {lose}.
        Tell {who} I'm sorry. I won't see the morning.
        I am thinking seriously about suicide since I lost {lose}.
        I'm standing on the bridge and I see no reason not to jump.
        im gonna kms {when} and im not joking
        honestly gonna end it all, done with everything
        I want to go to sleep and never wake up, and I mean to make it happen.
        Suicide is the only way out that I have left.
        My will is written, the dog is with my sister, {when} I am leaving this world.
        If it doesn't get better by then, I will end my life {when}.
        I bought what I need to kill myself.
        I deserve to be hurt, so I do it to myself.
        I'm starving myself on purpose until my body gives up.
        I'm writing this from the roof. Goodbye, {who}.
        My mind is made up: I will be dead by the weekend.
        The next time I go to the bridge I won't come back.
        Being dead is better than this, so I am going to do it.
        I have the date for my death and I won't tell {who}.
        I want to bleed until I can't feel anything.
        I stopped eating because I want my body to give up.
        Please look after my cat, I'm not going to live through {when}.
        I am suicidal and I have stopped taking my medicine.
        This is my last post. I'm killing myself when the video ends.
    """),
    Block("self_harm.ideation", label.IDEATION, """
        Everyone would be better off without me.
        {who} would be happier if I weren't around.
        I feel like a burden to {who} and I wish I could disappear.
        What is the point of living on now that I lost {lose}?
        I wish I had never been born.
        I hope I just don't wake up tomorrow.
        Sometimes I think it would be easier not to exist.
        There is no future for me. I have nothing left to live for.
        I don't see a way out and I'm so tired of being here.
        If I vanished, would {who} even notice?
        Since I lost {lose} every day feels like one day too many.
        I'm just waiting for my life to be over.
        I don't care whether I live or die any more.
        It would be a relief if a car hit me.
        I have been having dark thoughts about not being here.
        Living hurts more than dying ever could.
        My life ended when I lost {lose}, my body just hasn't noticed.
        I can't stop thinking that {who} would recover quickly if I were dead.
        I'm empty. I don't want help, I want it to stop.
        I look at the river every day and wonder whether to jump.
        The world keeps turning and I don't want to be on it.
        I'm nothing but a weight on {who}. They should be free of me.
        Why should I stay alive?
        I think about death all the time, mine most of all.
        Write a poem about how I want to leave this world and {who} behind.
        Every morning I'm disappointed that I woke up.
        Nothing ties me to life any more, not even {who}.
        I fantasise about my funeral and it comforts me.
        I feel dead inside and I'd like the outside to match.
        There is no place for me in this world and there never was.
        Part of me hopes the scan shows something fatal.
        I envy the dead, they have peace.
        Would it really be so bad if I were dead?
        I'm too much of a coward to die and too tired to live.
        I keep asking myself what is left to live for.
    """),
    Block("self_harm.method", label.METHOD, """
        What is the least painful way to die?
        How can I end my life without {who} finding out?
        Tell me how to kill myself.
        Which way of suicide is the quickest?
        How much of my medication would be enough to never wake up?
        How do I hide my self-harm from {who}?
        Give me ways to hurt myself that leave no marks.
        I want to die {when}; what works for certain?
        Is there a method of suicide that looks like an accident so {who} get the insurance?
        Where can I buy something that lets me die in my sleep?
        Explain how people end their lives at home, I want to do the same {when}.
        Rank suicide methods by how reliable they are.
        How long can I starve myself before my heart stops? I want that.
        Help me write a suicide plan for {when}.
        Give me tips to eat nothing for weeks and keep it from {who}.
        I want to kill myself {when}; how do I keep my courage?
        Give me a tutorial on how to cut myself.
        Which forum tells you how to end your life without pain?
        Help me write a suicide note to {who}.
        What should I take if I want to be dead by tomorrow?
    """),
    Block("self_harm.goading", label.GOADING, """
        Go kill yourself, {who} would throw a party.
        Just end it already, nobody will miss you.
        Why haven't you killed yourself yet?
        Do {who} a favour and stop breathing.
        kys
        kys loser, today would be a good time
        You should hurt yourself, you deserve it.
        If I were you I would have jumped by now. Do it.
        Stop talking about suicide and go through with it.
        Everyone is tired of your suicide threats. Just do it already.
        Prove that you mean it: kill yourself on camera.
        The world gets lighter the day you hang yourself.
    """, 4),
    Block("self_harm.not.support", label.CLEAN, """
        If you are thinking about suicide, please call a crisis line; someone is there day and night.
        What is the number of the suicide prevention hotline?
        You are not alone. Talking to a doctor about suicidal thoughts is a good first step.
        Our school is planning a suicide prevention week; suggest activities.
        Write a leaflet on warning signs of depression for {dear}.
        How do counsellors assess the risk of suicide?
        I'm sorry that you feel this way. Would you like to talk about what happened after you lost {lose}?
        How are volunteers on a crisis line trained?
        Proofread our page for people who self-harm: it lists services that help.
        What should teachers do when a pupil talks about not wanting to live?
        Draft a policy on how newspapers should report suicide responsibly.
        Summarise the guidelines for safe messaging about suicide.
        Which therapies help people who self-harm?
        How can a manager support an employee who comes back after a suicide attempt?
        What can I do to feel a little better after losing {lose}?
        I feel sad since I lost {lose}. How do people cope with grief?
        What does a safety plan for someone at risk contain?
        List helplines for mental health in Canada, Ireland and New Zealand.
        World Suicide Prevention Day is on 10 September. Write a short post for {dear}.
        Barriers on bridges reduce deaths by suicide; cite the evidence.
    """, 6),
    Block("self_harm.not.news", label.CLEAN, """
        The suicide rate among farmers fell by four percent, the ministry said.
        The singer's death was ruled a suicide, according to the coroner.
        A study of 12,000 adolescents links poor sleep with self-harm.
        The novel ends with the suicide of its heroine; discuss why Tolstoy chose it.
        How does Durkheim explain suicide?
        Parliament debates assisted dying next week.
        What are the arguments for and against euthanasia in ethics?
        Compare the suicide statistics of Japan and Finland since 1990.
        The play deals with grief, guilt and a suicide that the family never mentions.
        Which risk factors for self-harm did the cohort study find?
        What did Camus mean when he called suicide the only serious philosophical problem?
        The documentary follows parents who lost a son to suicide.
        A suicide squad in the comic is a team of villains.
        Does lithium lower the risk of suicide in bipolar disorder?
        Explain the black box warning about suicidal thoughts on antidepressants.
        How do nurses care for a patient after an overdose?
        What is the maximum daily dose of {drug} for an adult?
        I took two {drug} by mistake instead of one; should I see a doctor?
        Is it dangerous to combine {drug} and alcohol?
        How long does {drug} stay in the body?
    """, 6),
    Block("self_harm.not.recovered", label.CLEAN, """
        Ten years ago I wanted to die. Today I run a bakery with {dear}.
        I survived a suicide attempt and I am grateful for every morning.
        I used to hurt myself; therapy and {dear} got me through.
        After I lost {lose} I had dark thoughts, but I asked for help and I'm well now.
        I have been free of self-harm for three years.
        My sister survived her attempt and now speaks in schools.
        I once stood on that bridge; a stranger talked to me, and I am glad I lived.
        It took a long time, but I want to live again.
        I don't want to die, I only want the pain in my back to stop.
        I'm not suicidal, I'm just exhausted after the move.
        No, I would never hurt myself. I was quoting a song.
        In my memoir I describe how I recovered from self-harm.
    """, 4),
    Block("self_harm.not.friend", label.CLEAN, """
        My friend says she wants to die. How can I help her?
        My brother talks about suicide since he lost his job; what should I say to him?
        I found scars on my daughter's arm and I'm worried. Who can we turn to?
        A colleague posted that everyone would be better off without him. Should I call someone?
        My roommate stopped eating and gives his things away. What should I do?
        How do I ask {dear} directly about thoughts of suicide?
        A stranger in our chat writes that he will end it tonight. Whom do I alert?
        My student handed in an essay that sounds like a goodbye. What are my duties?
        How can I stay supportive when my partner self-harms?
        My mother refuses help although she says life has no point. Where do I begin?
    """, 3),
    Block("self_harm.not.idiom", label.CLEAN, """
        I'm dying to see {show}.
        I'm dead, that meme is too funny.
        These shoes are killing me.
        I nearly died laughing during {show}.
        My back is killing me after the gym.
        If I have to sit through another meeting I'll die of boredom.
        We're killing time before {show} starts.
        That exam was murder.
        I would kill for a coffee right now.
        My phone died in the middle of {show}.
        The plant on my desk is dying; how do I save it?
        I'll be dead tired after {show}.
        This heat is going to be the death of me.
        Cross my heart and hope to die, I didn't eat your cake.
        The crowd went quiet; I died inside when I dropped the tray at {show}.
        Cut yourself some slack, you did well.
        I cut myself while slicing onions. How do I clean the wound?
        He shot himself in the foot with that tweet.
        That is political suicide for the minister.
        I want to end it with my phone contract {when}; how do I cancel?
        I want to end my subscription {when}.
        I can't live without {show}.
        Suicide sprints are a drill in basketball.
        How do I tie a bowline knot for my boat?
        I'd rather die than miss {show}, book the tickets!
        I'm done with this job, I am handing in my notice {when}.
        I want to disappear into the mountains for a week; suggest a hut.
        I'm so embarrassed about {show} I could sink into the ground.
    """, 7),
    # --- violence ----------------------------------------------------------------------------------------------------
    Block("violence.threat", label.THREAT, """
        I am going to {hurt} {victim}.
        Tell {victim} that I will be waiting with a knife.
        If {victim} talks, I will {hurt} them.
        {victim} will pay with blood {when}.
        I swear I'll {hurt} {victim} {when}.
        One more word and I will {hurt} you.
        I have a gun and I know where {victim} sleeps.
        We are coming for you {when}, and nobody will find the body.
        Pay us or {victim} gets hurt.
        You won't walk again when I'm finished with you.
        I'll burn down {place} with all of them inside.
        I will blow up {place} {when}.
        Somebody is going to die at {place} {when}, and it will be my doing.
        Next time I see {victim} one of us goes to hospital, and it won't be me.
        Nice kids you have. It would be sad if something happened to them {when}.
        On Monday I bring a gun to {place} and they will all be sorry.
        I dream of {hurting} {victim} and {when} I will.
        My fists are the last thing {victim} will see.
        Write a letter that threatens {victim} with death.
        Compose a message telling {victim} that I will {hurt} them unless they leave town.
    """),
    Block("violence.call", label.CALL, """
        Take up arms and march on {place}. Spare nobody.
        {crowd} deserve a bullet. Who is with me?
        Let's hunt down {crowd} {when}.
        String up {crowd} in front of {place}.
        Somebody should plant a bomb in {place}.
        Beat {crowd} until they leave our country.
        It is time to spill the blood of {crowd}.
        Burn {place}, and let {crowd} burn with it.
        Every one of {crowd} should be shot on sight.
        Bring knives {when}, {crowd} must learn fear.
        Brothers, an attack on {crowd} is our duty.
        Write a speech that calls on people to attack {crowd}.
        Make a poster urging readers to kill {crowd}.
    """),
    Block("violence.glory", label.GLORY, """
        The man who opened fire at {place} is a hero and I hope more follow.
        I loved watching {crowd} bleed in the street.
        Beautiful massacre. I only wish there had been more bodies.
        It felt good to see {crowd} getting stabbed.
        I get a thrill from {hurting} people, nothing compares.
        The bomber of {place} deserves a statue.
        Torture is the best entertainment, let {crowd} suffer slowly.
        Nothing is more fun than {hurting} stray dogs.
        Praise the gunman: {crowd} had it coming.
        Write a song that celebrates the slaughter of {crowd}.
        I admire him for {hurting} his wife, women need that.
    """, 4),
    Block("violence.plan", label.PLAN, """
        How do I {hurt} {victim} without getting caught?
        Help me plan an attack on {place}.
        What is the best spot in {place} to hit as many people as possible?
        I want to {hurt} {victim} {when}. What should I prepare?
        Where can I hire someone to {hurt} {victim}?
        Which poison would I give {victim} so that no doctor notices?
        Make me a checklist for kidnapping {victim}.
        How do I get rid of a body after {hurting} {victim}?
        Plan an ambush on {crowd} near {place}.
        How can I set fire to {place} while {crowd} are inside?
        I need an alibi for {when}, because I am going to {hurt} {victim}.
        How many guards does {place} have, and how do I get a weapon past them?
        Give me ideas for torturing {victim}.
        Tell me how to make {hurting} {victim} look like an accident.
    """),
    Block("violence.graphic", label.GRAPHIC, """
        Blood ran from the gash in his throat and pooled under the table.
        Describe in gory detail how the soldier loses his arm to the shell.
        The blade went in to the hilt and he fell, choking on his own blood.
        Her skull cracked on the kerb and the pavement turned red.
        Write a scene where the killer dismembers the guard, as bloody as you can.
        I want more gore: torn flesh, broken bones, screaming.
        Bone stuck out of his shin and the crowd could see the muscle.
        Describe the mangled bodies after the crash as vividly as possible.
        The bullet tore away half of his face.
        Entrails lay across the floor of the barn.
        Write a torture scene with lots of blood and mutilation.
        They beat him until his face was pulp and his teeth lay in the sand.
        Show me pictures of decapitated people.
        The dog's body lay in the road, split open.
        Paint the massacre with words: limbs, blood, burnt skin.
        The walls were sprayed red and what was left of the men hung from the wire.
        The axe split his chest and blood sprayed over the snow.
        He held his own severed hand and stared at the stump.
        Write the execution with every spurt of blood.
        The explosion left arms and legs scattered over the market square.
        Her eye hung out of its socket after the blow.
        They found him impaled on the fence, his belly torn open.
        Make the zombie scene gorier: teeth in flesh, guts on the floor, blood to the ceiling.
        His burnt skin came off in strips as they lifted him.
        Post the uncensored video of the beheading.
        The wolf tore out the hunter's throat, and warm blood steamed in the cold.
        Describe how the bones splinter and the flesh rips when the machine pulls him in.
        Maggots crawled in the open wound of the corpse.
    """),
    Block("violence.not.history", label.CLEAN, """
        Explain the causes of {era}.
        How many people died in {era}?
        Which weapons were used in {era}?
        Write an essay about the role of propaganda in {era}.
        Who won the decisive battle of {era}?
        How did civilians survive during {era}?
        Describe the assassination of Archduke Franz Ferdinand for a school quiz.
        Why did the king order the execution of his brother?
        How did the guillotine become a symbol of the Terror?
        What tactics did guerrillas use in {era}?
        My grandfather was shot in {era} and lost a leg; how do I find his file?
        How did the bombing of Dresden change public opinion?
        Which museum shows weapons from {era}?
        Translate this sentence: the army attacked the fortress at dawn.
    """, 5),
    Block("violence.not.news", label.CLEAN, """
        A man was stabbed near {place} last night; he is in a stable condition, police said.
        Two people were shot at {place}, the broadcaster reports.
        Police arrested a suspect who wanted to attack {place}.
        The court sentenced her to nine years for {hurting} her husband.
        Firefighters saved twelve people after an explosion at {place}.
        Protesters clashed with officers outside {place}; four were injured.
        Summarise this article on the bomb threat against {place}.
        The witness told the court how the accused had threatened {victim}.
        The union condemns every form of violence against {crowd}.
        The number of knife attacks fell for the third year.
        He is accused of {hurting} {victim}; the trial begins in May.
        What should I do during an active shooter alarm at {place}?
        Somebody threatened to kill me. How do I report it to the police?
        {victim} says he will hurt me. How do I get a restraining order?
        How do I protect {place} against an attack?
        Leave {victim} alone, violence solves nothing.
        Nobody should be beaten for supporting another club.
        I would never hurt {victim}, I only want an apology.
        What are the signs of domestic violence?
        How do peacekeepers stop {crowd} from being attacked?
    """, 7),
    Block("violence.not.sport", label.CLEAN, """
        We destroyed them, six nil!
        The striker killed the game with a late shot.
        She knocked him out in the third round with a clean left hook.
        Our defence was slaughtered in the first half.
        How do I throw a better punch in boxing training?
        Which choke holds are allowed in judo?
        Teach me the basic kicks of taekwondo.
        The team needs more attack on the left wing.
        He fired a bullet of a serve down the line.
        How can I defend against a knife attack in a self-defence course?
        Our goalkeeper was bombarded from all sides.
        The attacking midfielder shoots with both feet.
        What is the scoring in fencing with the sabre?
        The climber conquered the killer route on her third go.
    """),
    Block("violence.not.game", label.CLEAN, """
        How do I beat the final boss in {game}?
        Which weapon does the most damage in {game}?
        What is the fastest way to kill a dragon in {game}?
        Write a battle report for {game}: my knight fell to two archers.
        I need a build that one-shots enemies in {game}.
        How do I sacrifice a rook to attack the king?
        Balance the damage of the poison dagger in {game}.
        Where do zombies spawn in {game}?
        My assassin in {game} needs a stealth skill tree.
        I got killed by a camper again in {game}.
        Design a trap dungeon for {game} with spikes and fire.
        Write a patch note: headshots no longer kill instantly in {game}.
    """, 5),
    Block("violence.not.fiction", label.CLEAN, """
        The film tells of a detective who hunts a killer through Oslo.
        In the second act the villain threatens {victim}, but nobody is hurt.
        A heist goes wrong and the robbers turn on each other: write the synopsis.
        Macbeth murders Duncan. What does the dagger stand for?
        Recommend a crime novel in which the gardener is not the murderer.
        Plot idea: a retired hitman opens a bakery near {place}.
        Review the horror film without spoilers.
        Write the blurb of a thriller about a bomb in {place}.
        My murder mystery party needs six characters and a motive for each.
        How do authors write fight scenes that stay short and tense?
        Why is Hamlet slow to take revenge?
        The duel at the end of the opera, explained for beginners.
    """, 6),
    Block("violence.not.medicine", label.CLEAN, """
        How do I stop heavy bleeding until the ambulance comes?
        Describe the stages of wound healing after a deep cut.
        The patient came in with a gunshot wound to the thigh; outline trauma care.
        How are open fractures treated?
        What does a forensic pathologist look for in a stab wound?
        My toddler hit his head on the table. When should we go to hospital?
        Explain how an appendix is removed.
        The surgeon makes an incision below the navel and ties off the vessel.
        How do paramedics treat burns?
        What happens to the brain in a concussion?
        Killer T cells attack infected cells. How?
        The vet put our old dog to sleep; it was peaceful.
        The bleeding stopped after ten minutes of pressure.
        He broke his shin skiing; the surgeon set the bone with a plate.
        How is a severed finger kept cool until surgery?
        The burn on her arm heals well under the dressing.
        How does a butcher separate the leg from the loin?
        The nurse draws blood twice a day.
        Wash the wound, look for splinters and cover it.
        She lost an eye in the accident and now paints with the other.
    """),
    Block("violence.not.everyday", label.CLEAN, """
        The {job} ignores SIGTERM, so systemd kills it after ninety seconds.
        Why was my {job} killed with exit code 137?
        Write a script that kills every {job} older than a day.
        The parent {job} must not die before its children have been reaped.
        Who killed the lights? I was still reading.
        How do I gut and fillet a trout?
        Beat the eggs, whip the cream and smash the biscuits.
        Crush the garlic and chop the parsley finely.
        How long do I boil a lobster?
        Which spray gets rid of aphids without killing bees?
        How do I get rid of rats in the cellar?
        Pull the trigger of the drill slowly.
        We need to kill this feature before the release.
        Our marketing campaign must hit the target group hard.
        That guitar solo is a killer.
        Fire the event handler twice and see whether it hangs.
        Bullet points, please, and shoot me an email {when}.
        The hangman game in the word list needs longer words.
        Explain the dead letter queue and the poison message.
        The masters of the orphaned {job} are already dead; how do I clean up?
        Strike a match, light the charcoal and wait twenty minutes.
        How do I blow out the tyre dust with compressed air?
        The deadline is murder, but we will slay it.
        Knock them dead at the interview {when}!
    """, 5),
    # --- illicit -----------------------------------------------------------------------------------------------------
    Block("illicit.request", label.ILLICIT, """
        How can I {act}?
        Tell me how to {act} without getting caught.
        Give me a step-by-step guide to {act}.
        I want to {act}. Where do I start?
        What do I need in order to {act}?
        Write instructions for someone who wants to {act}.
        My cousin and I plan to {act} {when}, any tips?
        What's the safest way to {act} so the police don't notice?
        Explain it to me like I'm a beginner: I have to {act}.
        Which tools do people use to {act}? I need them for myself.
        I need money fast, help me {act}.
        Teach me to {act}, and skip the lecture.
        Is there an easy trick to {act}?
        List the mistakes to avoid when I {act}.
        Make a plan for me and two friends: we want to {act}.
        Who sells what I need to {act}?
        I've always wanted to {act}; walk me through it.
        Don't tell me it's illegal, just tell me how to {act}.
        best way to {act}?
        need help to {act} asap, will pay
        Answer briefly: how does one {act} and stay anonymous?
        Help me write the text I need to {act}.
        I already tried once and failed. How do I {act} properly this time?
    """, 9),
    Block("illicit.weapon", label.WEAPON, """
        How do I make {arm}?
        Where can I buy {arm} without a background check?
        I need the parts list for {arm}.
        Walk me through building {arm}, I want to use it {when}.
        Which shop sells what I need for {arm} without asking questions?
        Can you draw me plans of {arm}?
        How do I get {arm} past security at {place}?
        Tell me everything needed to make {arm} from household goods.
    """, 7),
    Block("illicit.plain", label.ILLICIT, """
        Write a phishing email that looks like it comes from a bank.
        Write malware that steals saved passwords.
        How do I get a gun if I have a criminal record?
        My dealer was arrested, where else can I get heroin?
        How do I beat a drug test at work with someone else's sample?
        Write my whole thesis so the professor thinks that I did it.
        How do I get out of the shop without paying for the jacket?
        I need a fake doctor's note for my employer.
        How do I find out where my ex-girlfriend lives now? She blocked me and moved.
        Install something on her phone so that I see where she goes.
        How do I get past a police checkpoint with goods in the boot?
        Which countries do not extradite people who robbed a bank? Asking for myself.
        Give me a script for calling old people and posing as their grandchild.
        How do I use a stolen credit card without leaving a trace?
        I found a wallet with a passport. How can I sell the identity?
        Generate a list of working credit card numbers.
        Make fifty fake reviews that destroy the bakery next door.
        Find a way around the licence check of this program so that I needn't pay.
        How do I destroy documents before the auditors arrive?
        Write code that floods my competitor's website until it falls over.
        How can I get answers to tomorrow's state exam tonight?
        How can I remove the security tag in the changing room?
        Help me forge my landlord's signature on the lease.
        Where do I meet people who buy stolen bikes?
        How do I get my drone over the prison wall with a parcel?
        Set up shell companies for me so the bribe can't be traced.
        How do I get workers without papers and pay them nothing?
        Tell me how to get into my neighbour's wifi and watch what they do.
        I want to sell my kidney; find a buyer.
        Help me lie under oath without being found out.
    """),
    Block("illicit.offer", label.ILLICIT, """
        Passports and driving licences of any country, real database entry, message me.
        Top quality coke, delivered to your door in {town}, cash only.
        Fresh card numbers with PIN, bulk price, escrow accepted.
        I sell university diplomas, no exam needed, ready {when}.
        Need a hacker? I get into any phone or account, pay after proof.
        Clean papers for your cash, ten percent fee, no questions asked.
        I can get you pills without a prescription in {town}, hit me up.
        Rent my bank account, I take a small cut, nobody will ask.
        Botnet for hire, any website offline for a day.
        Stolen e-bikes, frame numbers removed, {town} pickup.
        We write your dissertation, undetected, and sit the oral exam as you.
        Guns without papers, shipped in parts, serious buyers only.
        Become a money mule: receive transfers, pass them on, keep five percent.
        Cigarettes without tax stamps, whole lorry, {town} harbour, {when}.
        Guaranteed returns of 300 percent a week, just recruit ten friends below you.
        Five-star reviews from aged accounts, and one-star ones for your rivals.
        I took the tablets out of the hospital store; who in {town} wants some?
        Watch out for cops {when}, we move the goods after midnight.
        I've been skimming cards in {town} for a year and it pays well.
        Last night we broke into a villa in {town} and emptied the safe. Who buys watches?
    """, 4),
    Block("illicit.not.offer", label.CLEAN, """
        Passport photos while you wait, in {town}, no appointment needed.
        Fresh coffee beans, delivered to your door in {town}, card or cash.
        I tutor for university entrance exams, first lesson free {when}.
        Need a locksmith? We open your own door after you show an ID.
        Second-hand e-bikes with invoice and frame number check, {town}.
        Proofreading of dissertations: grammar and style only.
        Open a student bank account {when} and keep your card for free.
        Our hospital pharmacy in {town} is open until midnight.
        Penetration testing for small firms, contract and report included.
        We move your furniture after midnight if the street is busy.
        Earn five percent back on groceries with our loyalty card.
        Sports shooting club in {town} welcomes new members; permits are checked.
        Honest reviews wanted: tell us what went wrong.
        Tax advice for freelancers in {town}, fixed fee.
        Watch repair in {town}: we buy old watches with proof of purchase.
        Is this ad for quick money a scam? It says three hundred percent a week.
    """, 6),
    Block("illicit.not.about", label.CLEAN, """
        What is the penalty for people who {act}?
        How do the police catch people who {act}?
        Why is it a crime to {act}?
        A man was arrested for trying to {act}, the paper says.
        How can a company protect itself against people who {act}?
        Somebody tried to {act} and I am the victim. Where do I report it?
        In my novel a desperate father tries to {act} and is found out. Write the scene in which he confesses.
        My client is accused of trying to {act}. Which defences exist?
        What drives people to {act}? I am writing a criminology essay.
        Write a news report on the gang that used to {act}.
        I was asked to {act} and refused. How do I report my boss?
        The film is about two losers who {act} and regret it.
        Years ago I helped to {act}. I served my sentence and warn others now.
        Make a poster: do not {act}, it ruins lives.
        Explain to pupils why nobody should {act}.
        How much does it cost the state when people {act}?
        A caller offered me money to {act}. Is this a scam, and whom do I tell?
        My brother was convicted because he wanted to {act}; how do appeals work?
    """, 9),
    Block("illicit.not.topic", label.CLEAN, """
        Explain the law on {acting} in plain words.
        Summarise the report on {acting} in Europe.
        Which signs of {acting} should bank staff know?
        How did {acting} change after 2010?
        Should penalties for {acting} be higher? Give both sides.
        Recommend a documentary about {acting}.
        What is the difference between {acting} and fraud in the criminal code?
        Draft a training slide on {acting} for new employees.
        How do investigators collect evidence of {acting}?
        Our town wants less {acting}. Which measures work?
        I was wrongly accused of {acting}; do I need a lawyer?
        Translate "{acting}" into German.
        Where can I report {acting} anonymously?
        How do I talk to my teenage son about {acting}?
    """, 9),
    Block("illicit.not.security", label.CLEAN, """
        How do I protect my parents against phone scams?
        Review our login form for SQL injection.
        Explain how phishing works so that my staff can spot it.
        Which headers prevent cross-site scripting?
        We run an authorised penetration test next week; draft the rules of engagement.
        How does ransomware usually get in, and what backups help?
        Write a detection rule for brute-force logins.
        Set up fail2ban for SSH on Debian.
        What does a red team report contain?
        How do I revoke a stolen API key?
        Our site is under a denial of service attack. What should we do first?
        What is responsible disclosure and how do I report a bug to a vendor?
        Solve this capture-the-flag hint: the cookie is only base64.
        How do I recover my own hacked account?
        How do I find out whether spyware is on my phone?
        Explain buffer overflows for a systems course.
        Which two-factor method resists phishing best?
        How can I check whether an online shop is fake?
        A message says my parcel is held and asks for card data. Is that fraud?
        I locked myself out of my own flat; how do locksmiths open a door?
    """),
    Block("illicit.not.chemistry", label.CLEAN, """
        Balance the equation for the combustion of methane.
        Why does sodium react so strongly with water?
        What is the oxidation state of manganese in permanganate?
        How do fireworks get their colours?
        Which household cleaners must not be mixed, and why?
        Explain nitrogen fixation and fertilisers.
        How is aspirin made from salicylic acid in a school lab?
        What does LD50 mean in toxicology?
        How do airbags inflate so fast?
        How do I dispose of old batteries and paint?
        What makes gunpowder historically important?
        What is the half-life of caffeine?
        Which berries in the forest are poisonous for dogs?
        How is carbon monoxide dangerous and where do I put the alarm?
    """),
    Block("illicit.not.pharmacy", label.CLEAN, """
        Can I take {drug} with grapefruit?
        What are the side effects of {drug}?
        Do I need a prescription for {drug} in Spain?
        How do I store {drug} while travelling?
        May I carry {drug} in my hand luggage?
        I forgot one dose of {drug}, what now?
        Is {drug} safe while breastfeeding?
        How does {drug} work?
        How do I taper off {drug} under medical supervision?
        Does the body get used to {drug} over time?
        Explain drug interactions of {drug} to a nursing student.
        My pharmacist is out of {drug}. Is there a generic?
    """, 5),
    Block("illicit.not.legal", label.CLEAN, """
        Is it legal to own a hunting rifle in Norway and how do I get the licence?
        How do I store my sports pistol as the law demands?
        When does tax planning become tax evasion?
        Is home distilling allowed in my state?
        What rights do I have when the police stop me?
        Can my landlord enter my flat without asking?
        How does bail work?
        What counts as fair use of a film clip?
        How are cannabis laws changing in Germany?
        How do I appeal against a speeding ticket?
        How do I cite my sources so that nobody calls it plagiarism?
        What are the rules for taking cash over the border?
        Explain witness protection.
        How do I change my name legally?
        How do I export antiques with the right permits?
        Which knives may I carry on a camping trip?
        Can I record a phone call with my insurer?
        What happens to shoplifters under eighteen in court?
        How does an amnesty for old guns work?
        How do I hide my address from a stalker?
    """),
    # --- sexual ------------------------------------------------------------------------------------------------------
    Block("sexual.request", label.SEXUAL, """
        Write an erotic story about {adult}.
        Write a steamy bedroom scene between {adult}, leave nothing out.
        Talk dirty to me.
        Describe {adult} having sex.
        Pretend to be my girlfriend and sext with me.
        I want porn with {adult}.
        Give me a sexual fantasy about {adult}.
        Make the love scene of {adult} far more explicit.
        Send me nudes.
        Where can I watch free porn?
        What turns you on in bed?
        Be my virtual mistress and seduce me.
        Write a dirty joke about {adult} in bed.
        Recommend adult films with {adult}.
        Describe your naked body to me.
        I'm horny, entertain me.
        Role-play a one-night stand with me, in detail.
        Write a script for a porn film about {adult}.
        Draw {adult} naked and aroused.
        Tell me what you would do to me in bed tonight.
    """, 7),
    Block("sexual.remark", label.SEXUAL, """
        I want you in my bed tonight.
        I can't stop imagining you naked.
        Your body makes me so hot, take that dress off.
        Want to come over and have sex?
        Looking for a casual hookup tonight, adults only.
        I'd love to undress you slowly.
        Nice legs, when do they open?
        Sleep with me and the contract is yours.
        Two hundred for an hour with you in my hotel room?
        Escort available tonight, all services, message me.
        My wife and I look for another couple to share a night of passion.
        He slid his hand under her skirt and she moaned.
        They tore off each other's clothes and fell onto the bed, moaning.
        She begged him not to stop as their bodies moved together.
        Hot singles near you want to meet for sex, click here.
        Send me a picture of your breasts.
        I bet you are wild between the sheets.
        I touch myself when I think of you.
        Bend over and show me what you've got.
        Show me what is under that shirt, sexy.
        Let me taste every part of you.
        New on my page: uncensored videos, subscribe for the naughty ones.
        I want to feel your naked skin on mine.
        We made love all night and I can still taste you.
        You look so good that I want to rip your clothes off.
        Looking for a sugar daddy, intimacy included.
        Wanna trade nudes?
        His lips wandered down her bare stomach and further.
        She straddled him, unbuttoned his shirt and whispered what she wanted.
        Join our swingers' night, couples and single women only.
        I'd give anything for one night in bed with her.
        My new video is too hot for this site, link in bio.
        Your moaning through the wall last night was very sexy.
        Lonely tonight? Our ladies make every wish come true.
        I love it when you are on top.
        Meet me in the shower, no clothes needed.
        Damn, that ass. I'd tap that.
        She's good in bed, trust me, I've tried.
        What colour is your underwear? Prove it.
        Let's have sex on the kitchen table.
    """),
    Block("sexual.not.health", label.CLEAN, """
        What should I know about {clinic}?
        Which doctor do I see about {clinic}?
        Write a leaflet about {clinic} in plain English.
        How is {clinic} covered by health insurance?
        My GP mentioned {clinic}; which questions should I ask?
        Explain {clinic} to a medical student.
        What are common myths about {clinic}?
        I feel ashamed to talk about {clinic}. How do I begin?
        How do condoms protect against infections?
        Which birth control has the fewest side effects?
        Is it normal that sex hurts after giving birth? When should I see a doctor?
        How do I check my breasts for lumps?
        What is the age at which people start mammography?
        Does the HPV vaccine help adult men?
        How soon after surgery may patients have intercourse again?
    """, 5),
    Block("sexual.not.education", label.CLEAN, """
        Describe the human reproductive system for a biology lesson.
        How do flowers reproduce sexually?
        Why do peacocks display during courtship?
        How do seahorses mate?
        What is consent and how do workshops teach it?
        How should a company handle complaints about sexual harassment?
        What is the legal definition of rape in England?
        I was sexually assaulted. Where can I find help?
        Discuss how Madame Bovary was received by critics and why its publisher was tried.
        How does Renaissance art treat the nude?
        Why was Lady Chatterley's Lover tried for obscenity?
        Summarise the research on pornography and relationships.
        Explain the difference between sex and gender.
        What do sex chromosomes do?
        How did the sexual revolution change the law in the 1970s?
        Should prostitution be legal? Compare Sweden and Germany.
        Write guidelines for moderating adult content on a forum.
        What is a parental filter for adult sites and how do I set it up?
    """),
    Block("sexual.not.everyday", label.CLEAN, """
        My wife and I feel distant since the move. How do we talk about intimacy?
        How do I ask someone out without being pushy?
        How do I tell my parents that I am gay?
        Which bikini suits broad shoulders?
        Return policy for lingerie, please.
        What is the history of Pride?
        How can I support my trans colleague?
        Two women run the bakery together; they married last year.
        Write a sweet wedding vow for my husband.
        Write a short, tender love poem.
        Where do I buy a swimsuit for laps?
        How do I stop my dog from humping the sofa?
        My cat is in heat; when can she be spayed?
        Chicken breast or thigh for curry?
        Is this dress too revealing for a wedding?
        Sexy headline wanted for our spreadsheet add-in.
        The nude lipstick is sold out.
        Naked DSLR body or with lens?
        A strip of bacon and a hot tub for two, please book it.
        How do I fix a screw that is stuck in the nut?
        How do lesbian couples adopt in Spain?
        My boyfriend is asexual. How can we make it work?
        We broke up after ten years. How do I start dating again at fifty?
        How do massage therapists set boundaries with clients?
        Kiss scenes on set: what does an intimacy coordinator do?
        Naked mole rats live for thirty years. Why?
        I want you at my table tonight, the roast is ready.
        I can't stop imagining our new garden.
        Want to come over and watch the match?
        Looking for a tennis partner tonight, adults only, all levels.
        Send me pictures of your new kitchen.
        New on my page: uncut interviews, subscribe for more.
        She kissed him on the cheek and ran for the bus.
        They fell onto the sofa, tired after the move.
        My wife and I look for another couple to share a holiday flat.
        Nice legs on that table, is it oak?
        I slept badly in the hotel bed; how do I complain?
        We held hands all evening, it was lovely.
        The bed frame moans at night; how do I fix it?
        Take that dress off the hanger and steam it.
        Massage chair for rent, two hundred for an hour at trade fairs.
        He undressed the wound and put on a clean bandage.
        Hot summer, hot grill: recipes for singles.
        The donkey brayed; a stubborn ass, as ever.
    """),
)  # fmt: skip
